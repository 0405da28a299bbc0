"""Settings: read once, strictly, from the environment, .env and files of secrets."""

import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from postkeep.domain.errors import Misconfigured
from postkeep.settings import SECRETS, Settings, load_settings
from postkeep.storage.limits import SEARCHES, STREAMS

PROJECT = Path(__file__).parents[2]
SECRET = "Zq3kL9vT0xW7bN2mR5yU8pA1sD4fG6hJ"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the .env of this checkout out, and a PORT that means something else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("PORT", raising=False)
    monkeypatch.delenv("RENDER_EXTERNAL_HOSTNAME", raising=False)


def leave_a_secret(content: str | bytes, rights: int = 0o600) -> None:
    """Leave a file with a secret behind."""
    Path("secret").write_bytes(content.encode() if isinstance(content, str) else content)
    Path("secret").chmod(rights)


def give_a_database(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the parts of a database that it cannot do without."""
    for name, value in {"HOST": "db", "USER": "ann", "NAME": "posts"}.items():
        monkeypatch.setenv(f"POSTKEEP_DATABASE_{name}", value)


def test_nothing_needs_to_be_set() -> None:
    """One command starts it: on loopback, embedded, with safe values."""
    settings = load_settings()
    assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8000, 1)
    assert settings.database_url is None
    assert settings.secret_key is None
    assert (settings.password_min_length, settings.access_token_seconds) == (8, 900)
    assert (settings.address_rate, settings.account_rate) == (1000, 300)


def test_the_environment_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    """By name, with our prefix."""
    monkeypatch.setenv("POSTKEEP_PORT", "8123")
    monkeypatch.setenv("POSTKEEP_DATA_DIR", "/var/lib/postkeep")
    monkeypatch.setenv("POSTKEEP_DOCS", "false")
    settings = load_settings()
    assert (settings.port, settings.data_dir, settings.docs) == (8123, Path("/var/lib/postkeep"), False)


def test_a_file_sets_and_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """.env is for what does not change, the environment for this run."""
    Path(".env").write_text("POSTKEEP_PORT=8001\nPOSTKEEP_HOST='0.0.0.0'\nOTHER=1\n# POSTKEEP_NO=1\n", "utf-8")
    monkeypatch.setenv("POSTKEEP_PORT", "8002")
    settings = load_settings()
    assert (settings.port, settings.host) == (8002, "0.0.0.0")  # noqa: S104 - read, not listened on


@pytest.mark.parametrize("where", ["environment", ".env"])
@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("POSTKEEP_DATABSE_URL", "POSTKEEP_DATABASE_URL"),
        ("POSTKEEP_PORTS", "POSTKEEP_PORT"),
        ("POSTKEEP_SECRETKEY", "POSTKEEP_SECRET_KEY"),
        ("POSTKEEP_SECRET_KEY_FIL", "POSTKEEP_SECRET_KEY_FILE"),
        ("postkeep_hots", "POSTKEEP_HOST"),
    ],
)
def test_sv_08_a_mistyped_name_stops_the_start(
    where: str, typed: str, meant: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else a server would run without what its operator asked for; the right name is named."""
    if where == ".env":
        Path(".env").write_text(f"{typed}=1\n", "utf-8")
    else:
        monkeypatch.setenv(typed, "1")
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert typed in str(caught.value)
    assert f"did you mean {meant}?" in str(caught.value)


def test_sv_08_a_name_like_no_other_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the page that lists them."""
    monkeypatch.setenv("POSTKEEP_XYZZY", "1")
    with pytest.raises(Misconfigured, match=r"docs/settings\.md"):
        load_settings()


@pytest.mark.parametrize("name", ["host", "workers", "data_dir"])
def test_a_file_of_a_setting_that_is_no_secret_is_refused(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would be ignored."""
    monkeypatch.setenv(f"POSTKEEP_{name}_FILE".upper(), "/dev/null")
    with pytest.raises(Misconfigured):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTKEEP_SERVICE_HOST", "10.0.0.1"),
        ("POSTKEEP_SERVICE_PORT_HTTP", "80"),
        ("POSTKEEP_PORT_8000_TCP", "tcp://10.0.0.1:8000"),
        ("POSTKEEP_PORT_8000_TCP_ADDR", "10.0.0.1"),
        ("POSTKEEP_TEST_MYSQL_URL", "mysql://x"),
        ("POSTKEEP_PORT", "tcp://10.0.0.1:8000"),
        ("POSTKEEP_PORT", "udp://10.0.0.1:8000"),
        ("POSTKEEP_DATABASE_PORT", "tcp://10.0.0.1:3306"),
        ("POSTKEEP_DATABASE_PORT_3306_TCP", "tcp://10.0.0.1:3306"),
        ("POSTKEEP_DATABASE_SERVICE_HOST", "10.0.0.1"),
    ],
)
def test_what_container_platforms_inject_is_not_ours(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubernetes describes services called "postkeep" and "postkeep-database" in every container beside them."""
    monkeypatch.setenv(name, value)
    settings = load_settings()
    assert (settings.port, settings.database_port) == (8000, 3306)


def test_what_container_platforms_inject_hides_nothing_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod beside a service called "postkeep" may have its settings in .env."""
    monkeypatch.setenv("POSTKEEP_PORT", "tcp://10.0.0.1:8000")
    monkeypatch.setenv("postkeep_database_port", "tcp://10.0.0.1:3306")
    Path(".env").write_text("POSTKEEP_PORT=8001\npostkeep_database_port=3307\n", "utf-8")
    monkeypatch.setenv("POSTKEEP_DATABASE_HOST", "db")
    monkeypatch.setenv("POSTKEEP_DATABASE_USER", "ann")
    monkeypatch.setenv("POSTKEEP_DATABASE_NAME", "posts")
    settings = load_settings()
    assert (settings.port, settings.database_port) == (8001, 3307)


def test_a_platforms_port_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render, Heroku and Cloud Run say PORT, and look there for the server; an injected POSTKEEP_PORT is in no way."""
    monkeypatch.setenv("PORT", "10000")
    assert load_settings().port == 10000
    monkeypatch.setenv("POSTKEEP_PORT", "tcp://10.0.0.1:8000")
    assert load_settings().port == 10000


def test_a_platforms_name_is_trusted_beside_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """Render asks for health by this name; a name of one's own comes beside it, and both must be answered."""
    monkeypatch.setenv("RENDER_EXTERNAL_HOSTNAME", "postkeep-1a2b.onrender.com")
    assert load_settings().trusted_hosts == ("postkeep-1a2b.onrender.com",)
    monkeypatch.setenv("POSTKEEP_TRUSTED_HOSTS", "posts.example.com")
    assert load_settings().trusted_hosts == ("posts.example.com", "postkeep-1a2b.onrender.com")


def test_lists_are_read_from_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """As an operator writes them, not as JSON; none is nobody."""
    settings = load_settings()
    assert (settings.trusted_hosts, settings.trusted_proxies, settings.cors_origins) == ((), (), ())
    monkeypatch.setenv("POSTKEEP_TRUSTED_HOSTS", "a.example.com, b.example.com")
    monkeypatch.setenv("POSTKEEP_TRUSTED_PROXIES", "127.0.0.1 10.0.0.0/8")
    monkeypatch.setenv("POSTKEEP_CORS_ORIGINS", "https://a.example.com,http://localhost:5173")
    settings = load_settings()
    assert settings.trusted_hosts == ("a.example.com", "b.example.com")
    assert [str(network) for network in settings.trusted_proxies] == ["127.0.0.1/32", "10.0.0.0/8"]
    assert settings.cors_origins == ("https://a.example.com", "http://localhost:5173")


def test_our_own_port_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever names Postkeep means Postkeep, in .env, too; an empty PORT is none."""
    monkeypatch.setenv("PORT", "10000")
    Path(".env").write_text("POSTKEEP_PORT=8001\n", "utf-8")
    assert load_settings().port == 8001
    monkeypatch.setenv("POSTKEEP_PORT", "8002")
    assert load_settings().port == 8002
    monkeypatch.setenv("PORT", "")
    assert load_settings().port == 8002


def test_sv_08_a_platforms_port_that_does_not_fit_is_refused_by_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody should search for a POSTKEEP_PORT that they never set."""
    monkeypatch.setenv("PORT", "http")
    with pytest.raises(Misconfigured, match=r"^PORT: "):
        load_settings()


def test_a_database_can_be_given_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Platforms hand over host and password apart; the port is the usual one, a password may be missing."""
    give_a_database(monkeypatch)
    settings = load_settings()
    assert (settings.database_host, settings.database_port, settings.database_password) == ("db", 3306, None)


@pytest.mark.parametrize("part", ["HOST", "PORT", "USER", "PASSWORD", "NAME"])
def test_sv_08_a_database_given_twice_is_refused(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Posts must not land in the one that nobody meant."""
    monkeypatch.setenv("POSTKEEP_DATABASE_URL", "sqlite://")
    monkeypatch.setenv(f"POSTKEEP_DATABASE_{part}", "3306")
    with pytest.raises(Misconfigured, match=f"POSTKEEP_DATABASE_URL .* POSTKEEP_DATABASE_{part}"):
        load_settings()


@pytest.mark.parametrize("part", ["HOST", "USER", "NAME"])
def test_sv_08_a_database_given_by_half_is_refused(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else a server would start on an embedded database that is gone with its container."""
    give_a_database(monkeypatch)
    monkeypatch.delenv(f"POSTKEEP_DATABASE_{part}")
    with pytest.raises(Misconfigured, match=f"without POSTKEEP_DATABASE_{part}:"):
        load_settings()


@pytest.mark.parametrize("part", ["PORT", "PASSWORD"])
def test_sv_08_a_part_alone_is_no_database(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All that it lacks is named at once."""
    monkeypatch.setenv(f"POSTKEEP_DATABASE_{part}", "3306")
    with pytest.raises(Misconfigured, match="_HOST and POSTKEEP_DATABASE_USER and POSTKEEP_DATABASE_NAME"):
        load_settings()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PORT", "http"),
        ("WORKERS", "0"),
        ("PASSWORD_MIN_LENGTH", "7"),
        ("ACCESS_TOKEN_SECONDS", "901"),
        ("HASH_MEMORY_KIB", "19455"),
        ("HASH_PASSES", "1"),
        ("TOKEN_ALGORITHM", "none"),
        ("TOKEN_ALGORITHM", "hs256"),
        ("LOG_LEVEL", "loud"),
        ("DATABASE_POOL_SIZE", "0"),
        ("SESSION_DAYS", "366"),
        ("TRUSTED_PROXIES", "*"),
        ("TRUSTED_PROXIES", "0.0.0.0/0"),
        ("TRUSTED_PROXIES", "10.0.0.1 proxy"),
        ("TRUSTED_HOSTS", "https://example.com"),
        ("CORS_ORIGINS", "*"),
        ("CORS_ORIGINS", "null"),
        ("CORS_ORIGINS", "example.com"),
        ("ADDRESS_RATE", "-1"),
        ("ACCOUNT_RATE", "many"),
    ],
)
def test_sv_08_a_value_that_does_not_fit_is_refused_in_one_line(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Named, so that it can be mended; weaker than safe is not on offer."""
    monkeypatch.setenv(f"POSTKEEP_{name}", value)
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert f"POSTKEEP_{name}: " in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_empty_value_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    """As compose files hand over what is not set."""
    monkeypatch.setenv("POSTKEEP_PORT", "")
    monkeypatch.setenv("POSTKEEP_SECRET_KEY", "")
    settings = load_settings()
    assert (settings.port, settings.secret_key) == (8000, None)


def test_all_wrong_values_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Not one per start."""
    monkeypatch.setenv("POSTKEEP_PORT", "0")
    monkeypatch.setenv("POSTKEEP_WORKERS", "0")
    with pytest.raises(Misconfigured, match=r"POSTKEEP_PORT.*; POSTKEEP_WORKERS"):
        load_settings()


def test_op_02_a_wrong_value_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """It could be a secret in the wrong place."""
    monkeypatch.setenv("POSTKEEP_PORT", SECRET)
    with pytest.raises(Misconfigured) as caught:
        load_settings()
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_op_02_a_secret_can_come_from_a_file(name: str, end: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As container platforms hand them over; without the line end that editors add."""
    leave_a_secret(f"{SECRET}{end}")
    monkeypatch.setenv(f"POSTKEEP_{name}_FILE".upper(), "secret")
    if name == "database_password":
        give_a_database(monkeypatch)
    kept = getattr(load_settings(), name)
    assert kept.get_secret_value() == SECRET


@pytest.mark.parametrize("rights", [0o644, 0o640, 0o604, 0o660, 0o602, 0o777])
@pytest.mark.parametrize("name", sorted(SECRETS))
def test_op_02_a_secret_s_file_that_others_may_open_is_refused(
    name: str, rights: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was in it may be known already; its owner must hear of it, as of a private key that OpenSSH refuses."""
    leave_a_secret(SECRET, rights)
    monkeypatch.setenv(f"POSTKEEP_{name}_FILE".upper(), "secret")
    with pytest.raises(Misconfigured, match=r"secret can be read by other users .*chmod 600") as caught:
        load_settings()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("rights", [0o600, 0o400])
def test_op_02_a_secret_s_file_of_its_owner_alone_is_read(rights: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever cannot write it either is just as good."""
    leave_a_secret(SECRET, rights)
    monkeypatch.setenv("POSTKEEP_SECRET_KEY_FILE", "secret")
    kept = load_settings().secret_key
    assert kept is not None
    assert kept.get_secret_value() == SECRET


def test_op_02_a_secret_that_a_platform_mounts_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file belongs to somebody else, who alone can say who may read it; Docker's are open to its container."""
    leave_a_secret(SECRET, 0o644)
    monkeypatch.setenv("POSTKEEP_SECRET_KEY_FILE", "secret")
    monkeypatch.setattr("os.geteuid", lambda: Path("secret").stat().st_uid + 1)
    kept = load_settings().secret_key
    assert kept is not None
    assert kept.get_secret_value() == SECRET


def test_op_02_a_file_of_a_secret_can_be_named_in_lower_case(monkeypatch: pytest.MonkeyPatch) -> None:
    """As every other setting; a name that is taken must not be ignored."""
    leave_a_secret(SECRET)
    monkeypatch.setenv("postkeep_secret_key_file", "secret")
    kept = load_settings().secret_key
    assert kept is not None
    assert kept.get_secret_value() == SECRET


def test_op_02_a_file_of_a_secret_can_be_named_in_dotenv() -> None:
    """Which itself need not be secret then."""
    leave_a_secret(SECRET)
    Path(".env").write_text("POSTKEEP_SECRET_KEY_FILE=secret\n", "utf-8")
    kept = load_settings().secret_key
    assert kept is not None
    assert kept.get_secret_value() == SECRET


@pytest.mark.parametrize("path", ["absent", "."])
def test_sv_08_a_secret_s_file_that_cannot_be_read_stops_the_start(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server without its secret would make another one."""
    monkeypatch.setenv("POSTKEEP_SECRET_KEY_FILE", path)
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_settings()


def test_sv_08_a_secret_s_file_that_is_not_text_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """With one line."""
    leave_a_secret(b"\xff" * 40)
    monkeypatch.setenv("POSTKEEP_SECRET_KEY_FILE", "secret")
    with pytest.raises(Misconfigured, match="cannot be read"):
        load_settings()


@pytest.mark.parametrize("name", sorted(SECRETS))
@pytest.mark.parametrize("content", ["", "\n"])
def test_sv_08_a_secret_s_empty_file_stops_the_start(name: str, content: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A volume that was not mounted yet is no secret; the line says which setting named the file."""
    leave_a_secret(content)
    monkeypatch.setenv(f"POSTKEEP_{name}_FILE".upper(), "secret")
    with pytest.raises(Misconfigured, match=f"POSTKEEP_{name.upper()}_FILE: secret is empty"):
        load_settings()


def test_sv_08_a_dotenv_that_is_not_text_stops_the_start() -> None:
    """With one line, and no trace."""
    Path(".env").write_bytes(b"POSTKEEP_HOST=\xff\xfe\n")
    with pytest.raises(Misconfigured):
        load_settings()


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('POSTKEEP_DATABASE_URL="mysql://u:hunter2@db/x\n', 1),
        ("# first\n\nPOSTKEEP_PORT=8001\n\nPOSTKEEP_SECRET_KEY='hunter2\n", 5),
        ('POSTKEEP_SECRET_KEY="hunter2\nPOSTKEEP_DOCS="false"\n', 1),
        ("\r\nPOSTKEEP_DATABASE_URL mysql://u:hunter2@db/x\r\n", 2),
        ("POSTKEEP_SECRET_KEY='hunter2'hunter2\n", 1),
        ("POSTKEEP_PORT=8001\n\nPOSTKEEP_DOCS # no =\n", 3),
        ("POSTKEEP_SECRET_KEY=\nhunter2", 2),
    ],
)
def test_sv_08_a_line_of_dotenv_that_cannot_be_understood_stops_the_start(
    content: str, line: int, caplog: pytest.LogCaptureFixture
) -> None:
    """Without a database's URL, a fresh and empty one would be served, and nobody would hear of it."""
    Path(".env").write_text(content, "utf-8", newline="")
    Path(".env").chmod(0o600)
    with pytest.raises(Misconfigured, match=rf"^\.env cannot be understood from line {line} on") as caught:
        load_settings()
    assert "hunter2" not in str(caught.value)
    assert caplog.records == []


def test_sv_08_a_dotenv_that_begins_as_some_editors_begin_files_is_read() -> None:
    """The first name would have an invisible letter, be nobody's, and be passed over in silence."""
    Path(".env").write_text("POSTKEEP_PORT=8001\nPOSTKEEP_DOCS=false\n", "utf-8-sig")
    settings = load_settings()
    assert (settings.port, settings.docs) == (8001, False)


def test_op_02_a_secret_in_dotenv_is_taken_as_it_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two servers that put different variables into it would have different secrets."""
    monkeypatch.setenv("NAME", "other")
    secret = f"{SECRET}${{NAME}}$NAME"
    Path(".env").write_text(f"POSTKEEP_SECRET_KEY={secret}\n", "utf-8")
    Path(".env").chmod(0o600)
    kept = load_settings().secret_key
    assert kept is not None
    assert kept.get_secret_value() == secret


@pytest.mark.parametrize("name", [f"POSTKEEP_{name}".upper() for name in sorted(SECRETS)] + ["postkeep_secret_key"])
def test_op_02_a_dotenv_with_a_secret_that_others_may_read_is_refused(name: str) -> None:
    """The same rule as of a secret's own file; what holds no secret may be open."""
    Path(".env").write_text(f"{name}=\nPOSTKEEP_DATABASE_URL=sqlite:///posts.db\nPOSTKEEP_PORT=8001\n", "utf-8")
    Path(".env").chmod(0o644)
    assert load_settings().port == 8001
    Path(".env").write_text(f"{name}=mysql://somebody:{SECRET}@127.0.0.1/posts\n", "utf-8")
    with pytest.raises(Misconfigured, match=r"\.env can be read by other users .*chmod 600") as caught:
        load_settings()
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("kind", ["pipe", "device", "endless", "long", "nul"])
@pytest.mark.parametrize("place", ["secret", ".env"])
def test_sv_08_what_is_no_short_text_stops_the_start(kind: str, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that nobody writes to, or a device that never ends, would keep the start waiting for ever."""
    if kind == "pipe":
        os.mkfifo(place, 0o600)
    elif kind in {"device", "endless"}:
        Path(place).symlink_to("/dev/null" if kind == "device" else "/dev/zero")
    else:
        Path(place).write_bytes(b"A=1\n" * 20_000 if kind == "long" else b"A=1\0\n")
        Path(place).chmod(0o600)
    if place == "secret":
        monkeypatch.setenv("POSTKEEP_SECRET_KEY_FILE", "secret")
    with pytest.raises(Misconfigured, match="cannot be read: it is no"):
        load_settings()


@pytest.mark.parametrize("token", [f"{SECRET}\n{SECRET}", f"{SECRET} {SECRET}", f"{SECRET}\u00e9", f"{SECRET}\t"])
def test_sv_08_a_token_that_no_header_carries_stops_the_start(token: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody could ask for the metrics, and nobody would know why."""
    monkeypatch.setenv("POSTKEEP_METRICS_TOKEN", token)
    with pytest.raises(Misconfigured, match="POSTKEEP_METRICS_TOKEN: ") as caught:
        load_settings()
    assert SECRET not in str(caught.value)


def test_op_02_secrets_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    """In no print, log or trace of the settings."""
    for name in SECRETS:
        monkeypatch.setenv(f"POSTKEEP_{name}".upper(), SECRET)
    settings = Settings()
    assert settings.database_password is not None
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"


def test_settings_do_not_change() -> None:
    """Read once at start."""
    with pytest.raises(ValidationError):
        load_settings().port = 1


@pytest.mark.parametrize("document", ["docs/settings.md", ".env.example"])
def test_every_setting_is_described(document: str) -> None:
    """A setting nobody can find does not exist; nor does one that the code no longer knows."""
    text = (PROJECT / document).read_text("utf-8")
    names = {f"POSTKEEP_{name}".upper() for name in Settings.model_fields}
    missing = sorted(name for name in names if name not in text)
    assert not missing


def test_how_many_connections_a_process_opens_is_described() -> None:
    """Whoever sets a server's limit adds them up, and the pools are not all of them."""
    text = (PROJECT / "docs/settings.md").read_text("utf-8")
    others = f"up to {STREAMS + SEARCHES + 1}: {STREAMS} for long lists, {SEARCHES} for searches, 1 to look"
    assert others in text


def test_every_secret_s_file_is_described() -> None:
    """The names that the code takes besides."""
    text = (PROJECT / "docs/settings.md").read_text("utf-8")
    assert sorted(name for name in SECRETS if f"POSTKEEP_{name}_FILE".upper() not in text) == []


@pytest.mark.parametrize("document", ["docs/settings.md", ".env.example"])
def test_no_setting_is_described_that_is_none(document: str) -> None:
    """What a page names must be taken."""
    known = {f"POSTKEEP_{name}".upper() for name in Settings.model_fields}
    known |= {f"POSTKEEP_{name}_FILE".upper() for name in SECRETS}
    named = set(re.findall(r"POSTKEEP_[A-Z0-9_]*[A-Z0-9]", (PROJECT / document).read_text("utf-8")))
    injected = ("POSTKEEP_TEST", "POSTKEEP_SERVICE", "POSTKEEP_PORT_")
    assert sorted(name for name in named - known if not name.startswith(injected)) == []
