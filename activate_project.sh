# Enter the development environment, from bash or zsh: source ./activate_project.sh     (deactivate leaves it)
# .venv is made or renewed first, with the versions of requirements-dev.txt; `uv sync` gives the same.
_postkeep=$(cd "$(dirname "${BASH_SOURCE:-$0}")" >/dev/null && pwd)
if (cd "$_postkeep" && bin/setup/python bin/setup/environment.py dev); then
    . "$_postkeep/.venv/bin/activate"
    unset _postkeep
else
    unset _postkeep
    return 1
fi
