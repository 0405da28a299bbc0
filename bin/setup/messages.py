"""Keep the pages' translations in step with what the pages say: messages.py [--write | --check].

What is said is English, in the templates and in calls of `mark`. Each other language has a file of messages,
`pages.po`, which people edit, and the one that programs read, `pages.mo`, which is made from it.
"""

import io
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

_VIEWS: Final = Path(__file__).resolve().parents[2] / "src/postkeep/views"
_METHODS: Final = [("**.py", "python"), ("templates/**.html", "jinja2")]
_OPTIONS: Final = {"templates/**.html": {"trim_blocks": "true", "lstrip_blocks": "true", "silent": "false"}}
_KEYWORDS: Final = {"mark": None, "_say_many": (1, 2), "_": None, "ngettext": (1, 2), "pgettext": ((1, "c"), 2)}
_NEVER: Final = datetime(2026, 1, 1, tzinfo=UTC)
"""When every file says that it was written, so that nothing changes where no message does."""


def main(option: str = "") -> str | None:
    """Bring the files up to date, or check that they are.

    Args:
        option: `--write` or `--check`.

    Returns:
        What is wrong, None when nothing is.
    """
    if option not in {"--write", "--check"}:
        return "usage: messages.py [--write | --check]"
    stale = [path for path, content in _made() if _changes(path, content, writes=option == "--write")]
    if stale and option == "--check":
        return "\n".join(f"{path} is out of step: bin/check --fix" for path in stale)
    return None


def _made() -> Iterator[tuple[Path, bytes]]:
    """Yield each file with what it should hold."""
    template = _extracted()
    for file in sorted((_VIEWS / "locale").glob("*/LC_MESSAGES/pages.po")):
        catalog = read_po(io.BytesIO(file.read_bytes()), locale=file.parents[1].name)
        catalog.update(template, no_fuzzy_matching=True)
        catalog.obsolete.clear()
        catalog.project, catalog.version, catalog.msgid_bugs_address = "Postkeep", "1", "see SECURITY.md and README.md"
        catalog.last_translator = catalog.language_team = "Postkeep"
        catalog.creation_date = catalog.revision_date = _NEVER
        yield file, _written(catalog)
        compiled = io.BytesIO()
        write_mo(compiled, catalog)
        yield file.with_suffix(".mo"), compiled.getvalue()


def _extracted() -> Catalog:
    """Collect everything that the pages say."""
    template = Catalog(project="Postkeep", creation_date=_NEVER)
    for file, line, message, comments, context in extract_from_dir(
        _VIEWS, _METHODS, _OPTIONS, _KEYWORDS, comment_tags=("Translators:",), strip_comment_tags=True
    ):
        template.add(message, locations=[(file, line)], auto_comments=comments, context=context)
    return template


def _written(catalog: Catalog) -> bytes:
    """Write a file of messages as people edit it."""
    written = io.BytesIO()
    write_po(written, catalog, width=100, sort_by_file=True, include_lineno=False)
    return written.getvalue()


def _changes(path: Path, content: bytes, *, writes: bool) -> bool:
    """Tell whether a file should hold something else, and have it do so if asked."""
    if path.is_file() and path.read_bytes() == content:
        return False
    if writes:
        path.write_bytes(content)
    return True


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
