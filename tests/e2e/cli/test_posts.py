"""`postkeep posts`: an operator takes an account's posts out, and brings posts in."""

import json
import stat

from tests.e2e.cli.commands import beside, refusal
from tests.e2e.clients import Person, a_text, an_address
from tests.e2e.servers import PostkeepServer


def test_what_an_operator_takes_out_comes_in_elsewhere(server: PostkeepServer) -> None:
    """Both formats; nobody else can read the file."""
    ann = Person.signs_up(server.http)
    for number in range(3):
        ann.add(a_text(), title=f"Title {number}")
    for form, name in (("json", "posts.jsonl"), ("markdown", "posts.zip")):
        path, bob = server.folder / name, Person.signs_up(server.http)
        took = beside(server, "posts", "export", "--email", ann.email, "--format", form, str(path))
        assert (took.code, took.out, took.err) == (0, "", "Took out 3 posts.\n")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert path.read_bytes() == ann.gets(f"/api/v1/export?format={form}").content

        came = beside(server, "posts", "import", "--email", bob.email, str(path))
        assert (came.code, came.out) == (0, "Added 3, 0 there already, 0 refused.\n")
        assert bob.posts() == ann.posts()
        path.unlink()


def test_what_is_refused_is_named(sqlite_server: PostkeepServer) -> None:
    """With the reason, and the exit code of a refusal; the others are there."""
    ann = Person.signs_up(sqlite_server.http)
    path = sqlite_server.folder / "broken.jsonl"
    path.write_text('{"text":"a"}\n{"text":"b","status":"lost"}\nnothing\n')
    dry = beside(sqlite_server, "posts", "import", "--email", ann.email, "--dry-run", str(path))
    assert (dry.code, dry.out) == (1, "Would add 1, 0 there already, 2 refused.\n")
    assert ann.texts() == []
    outcome = beside(sqlite_server, "posts", "import", "--email", ann.email, str(path))
    assert (outcome.code, outcome.out) == (1, "Added 1, 0 there already, 2 refused.\n")
    assert outcome.err.splitlines() == [
        "line 2: refused: A status is draft, published or archived.",
        "line 3: refused: Not JSON: Expecting value at character 0.",
    ]
    assert ann.texts() == ["a"]


def test_standard_output_is_a_file(sqlite_server: PostkeepServer) -> None:
    """Then what is said goes elsewhere."""
    ann = Person.signs_up(sqlite_server.http)
    ann.add(text := a_text())
    outcome = beside(sqlite_server, "posts", "export", "--email", ann.email, "-")
    assert (outcome.code, outcome.err) == (0, "Took out 1 posts.\n")
    assert [json.loads(line)["text"] for line in outcome.out.splitlines()] == [text]


def test_refusals_are_one_line(sqlite_server: PostkeepServer) -> None:
    """Nobody with this address, no such file, no such folder, no ZIP."""
    ann = Person.signs_up(sqlite_server.http)
    broken = sqlite_server.folder / "broken.zip"
    broken.write_bytes(b"PK\3\4")
    for arguments, said in (
        (("export", "--email", an_address(), "posts.jsonl"), "No account has this e-mail address."),
        (("export", "--email", ann.email, "no/posts.jsonl"), "The file cannot be read or written: No such file"),
        (("import", "--email", ann.email, "none.jsonl"), "none.jsonl: No such file or directory."),
        (("import", "--email", ann.email, str(broken)), "This is not a ZIP that can be read"),
    ):
        outcome = beside(sqlite_server, "posts", *arguments)
        assert outcome.code == 1
        assert refusal(outcome).startswith(said)
