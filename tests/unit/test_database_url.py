"""Where everything is kept, as the settings say it: a URL that holds what is needed and nothing that undoes it."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from postkeep.bootstrap.database_url import database_url
from postkeep.domain.errors import Misconfigured
from postkeep.settings import Settings, load_settings
from postkeep.storage.server_tls import tls_of


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the .env of this checkout out."""
    monkeypatch.chdir(tmp_path)


def settings(monkeypatch: pytest.MonkeyPatch, **given: str) -> Settings:
    """Return settings of the database."""
    for name, value in given.items():
        monkeypatch.setenv(f"POSTKEEP_DATABASE_{name}", value)
    return load_settings()


PARTS = {"USER": "ann", "NAME": "posts"}


def test_op_18_a_url_and_parts_are_encrypted_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever way a server is named: elsewhere with TLS, unless it is stated."""
    assert tls_of(database_url(settings(monkeypatch, HOST="db.example.com", **PARTS))) is not None
    assert tls_of(database_url(settings(monkeypatch, TLS="off"))) is None
    for name in ("HOST", "USER", "NAME", "TLS"):
        monkeypatch.delenv(f"POSTKEEP_DATABASE_{name}")
    assert tls_of(database_url(settings(monkeypatch, URL="mysql://u:p@db.example.com/x"))) is not None
    assert tls_of(database_url(settings(monkeypatch, TLS="off"))) is None
    assert tls_of(database_url(settings(monkeypatch, TLS="auto", URL="mysql://u:p@127.0.0.1/x"))) is None
    assert tls_of(database_url(settings(monkeypatch, TLS="verify"))) is not None


def test_op_18_tls_is_verified_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is no third thing: what is encrypted without looking who answers is open to whoever answers."""
    with pytest.raises(Misconfigured, match="POSTKEEP_DATABASE_TLS"):
        settings(monkeypatch, TLS="require")


@pytest.mark.parametrize("option", ["ssl=true", "ssl_ca=/etc/ca.pem", "ssl_check_hostname=false", "tls=off"])
def test_op_18_a_url_says_nothing_about_tls(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver takes `ssl=true` for encryption without verification; one place says it, and it is not this one."""
    given = settings(monkeypatch, URL=f"mysql://u:hunter2@db/x?{option}")
    with pytest.raises(Misconfigured, match="POSTKEEP_DATABASE_TLS and POSTKEEP_DATABASE_CA") as caught:
        database_url(given)
    assert option.partition("=")[0] in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "option",
    [
        "host=192.0.2.1",
        "read_default_file=/root/.my.cnf",
        "local_infile=1",
        "init_command=SET+sql_mode%3D''",
        "unix_socket=a&unix_socket=b",
        "postkeep_ca=system",
        "a%0Ab=1",
    ],
)
def test_a_url_cannot_undo_what_is_set_elsewhere(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another host than the one that was looked at, files of this machine for the server, a mode that cuts texts."""
    given = settings(monkeypatch, URL=f"mysql://u@127.0.0.1/x?{option}")
    with pytest.raises(Misconfigured, match="unix_socket") as caught:
        database_url(given)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("option", ["unix_socket=/run/mysqld/mysqld.sock", "charset=utf8mb4"])
def test_a_url_may_name_a_socket(option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing else can; and a charset stands in many URLs."""
    url = database_url(settings(monkeypatch, URL=f"mariadb://u@localhost/x?{option}"))
    assert url.render_as_string() == f"mysql+asyncmy://u@localhost/x?{option.replace('/', '%2F')}"


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://u:hunter2@purple-ducks@127.0.0.1/x", "%40"),
        ("mysql://u:hunter2@purple/ducks@127.0.0.1/x", "%40"),
        ("mysql://u:hunter2@purple?ducks=1@127.0.0.1/x", "%40"),
        ("mysql://u:hunter2@purple/x?purple@127.0.0.1=ducks", "%40"),
        ("mysql://u:hunter2@purple:9ducks@127.0.0.1/x", "not a URL"),
        ("mysql://u:hunter2@127.0.0.1:99999/x", "1 to 65535"),
        ("mysql://u:hunter2@127.0.0.1:-1/x", "1 to 65535"),
        ("mysql://u:hunter2@127.0.0.1:0/x", "1 to 65535"),
        ("mysql://u:hunter2@/x", "no host"),
        ("mysql:///x", "no host"),
        (f"mysql://u:hunter2@{'d' * 64}.example/x", "name of a host"),
        (f"mysql://u:hunter2@{'d.' * 127}example/x", "name of a host"),
        ("mysql://u:hunter2@db\nexample/x", "name of a host"),
        ("sqlite://u:hunter2@purple/x.db", "sqlite:///file"),
        ("sqlite://purple/x.db", "sqlite:///file"),
        ("sqlite:///x.db?mode=ro", "sqlite:///file"),
        ("sqlite:///x\0.db", "NUL"),
    ],
)
def test_op_02_a_url_that_leads_nowhere_is_refused_and_no_part_of_a_password_shown(
    url: str, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An @ in the password would make the rest of it a host: in the log, in the answer and at the name server."""
    monkeypatch.delenv("POSTKEEP_DATABASE_URL", raising=False)
    given = load_settings().model_copy(update={"database_url": SecretStr(url)})
    with pytest.raises(Misconfigured, match=says) as caught:
        database_url(given)
    assert [part for part in ("hunter2", "purple", "ducks") if part in str(caught.value)] == []
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("host", ["d" * 64, "d." * 127 + "example", "db..example", "d\ne"])
def test_a_part_that_is_no_host_is_refused(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one line, before anybody is asked for it."""
    with pytest.raises(Misconfigured, match="name of a host") as caught:
        database_url(settings(monkeypatch, HOST=host, **PARTS))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "[::1]", "db.example.com", "db_1", "mysql", "d" * 63, "b\u00fccher.example"]
)
def test_a_url_may_name_any_host(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """And an account that has an @, as some platforms give them."""
    url = database_url(settings(monkeypatch, URL=f"mysql://u@server:p%40@{host}:3306/x", TLS="off"))
    assert (url.host, url.username, url.password) == (host.strip("[]"), "u@server", "p@")
