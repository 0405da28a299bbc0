"""When a database server must show who it is (CASES.md, OP-18)."""

import ssl
from pathlib import Path
from typing import Literal

import pytest
from sqlalchemy import URL, make_url

from postkeep.domain.errors import Misconfigured
from postkeep.storage.server_tls import for_driver, is_local, refuse_unverified, tls_of, with_tls

HERE = [
    "mysql://u@localhost/x",
    "mysql://u@LocalHost/x",
    "mysql://u@127.0.0.1/x",
    "mysql://u@127.8.8.8:3307/x",
    "mysql://u@[::1]/x",
    "mysql://u@/x",
    "mysql://u@/x?unix_socket=/run/mysqld/mysqld.sock",
]
ELSEWHERE = [
    "mysql://u@db/x",
    "mysql://u@db.example.com/x",
    "mysql://u@localhost.example.com/x",
    "mysql://u@127.0.0.1.example.com/x",
    "mysql://u@10.0.0.5/x",
    "mysql://u@128.0.0.1/x",
    "mysql://u@0.0.0.0/x",
    "mysql://u@[2001:db8::1]/x",
    "mysql://u@[::]/x",
]
URLS = [(url, True) for url in HERE] + [(url, False) for url in ELSEWHERE]


@pytest.mark.parametrize(("url", "local"), URLS)
def test_op_18_only_loopback_and_sockets_are_this_machine(url: str, *, local: bool) -> None:
    """Every other wire may have somebody at it; a name that merely begins like loopback is another machine's."""
    assert is_local(make_url(url)) is local


@pytest.mark.parametrize(("url", "local"), URLS)
def test_op_18_tls_is_the_default_wherever_somebody_may_listen(url: str, *, local: bool) -> None:
    """Nobody has to think of it."""
    assert (tls_of(with_tls(make_url(url), "auto", None)) is None) is local


@pytest.mark.parametrize("url", HERE + ELSEWHERE)
def test_op_18_whoever_asks_for_it_gets_it_and_whoever_states_otherwise_does_not(url: str) -> None:
    """On loopback there may be a tunnel; and an operator may know that a wire is nobody else's."""
    assert tls_of(with_tls(make_url(url), "verify", None)) is not None
    assert tls_of(with_tls(make_url(url), "off", None)) is None


@pytest.mark.parametrize("wish", ["auto", "verify"])
@pytest.mark.parametrize("url", HERE + ELSEWHERE)
def test_op_18_the_server_must_show_a_certificate_for_its_name(url: str, wish: Literal["auto", "verify"]) -> None:
    """Encryption alone would keep a secret with whoever answers."""
    context = tls_of(with_tls(make_url(url), wish, None))
    if context is None:
        assert is_local(make_url(url))
        return
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_op_18_a_named_authority_is_asked_of_loopback_too(tmp_path: Path) -> None:
    """Whoever names one wants it to count."""
    url = with_tls(make_url("mysql://u@localhost/x"), "auto", tmp_path / "absent.pem")
    with pytest.raises(Misconfigured, match=r"POSTKEEP_DATABASE_CA: .*absent\.pem cannot be read: No such file"):
        tls_of(url)


def test_an_authority_without_tls_is_a_contradiction(tmp_path: Path) -> None:
    """One of both is a mistake, and the worse guess sends passwords in the clear."""
    with pytest.raises(Misconfigured, match="POSTKEEP_DATABASE_CA is set, and POSTKEEP_DATABASE_TLS is off"):
        with_tls(make_url("mysql://u@db/x"), "off", tmp_path / "ca.pem")


def test_a_file_without_certificates_is_named(tmp_path: Path) -> None:
    """Not as a fault of the server's."""
    (tmp_path / "ca.pem").write_text("not a certificate")
    with pytest.raises(Misconfigured, match=r"ca\.pem holds no certificates in PEM form"):
        tls_of(with_tls(make_url("mysql://u@db/x"), "verify", tmp_path / "ca.pem"))


@pytest.mark.parametrize("ca", [None, Path("/etc/ca of ours.pem")])
def test_the_driver_sees_the_url_that_was_set(ca: Path | None) -> None:
    """It knows no word of ours."""
    url = make_url("mysql+asyncmy://u:p@db:3307/x?charset=utf8mb4")
    assert for_driver(with_tls(url, "verify", ca)) == url


def a_url() -> URL:
    """Return where a server is."""
    return make_url("mysql+asyncmy://u:hunter2@db.example.com/x")


def test_other_failures_are_none_of_ours() -> None:
    """A server that does not answer yet is waited for."""
    refuse_unverified(a_url(), ConnectionRefusedError("refused"))


def test_the_cause_is_found_however_deep_it_lies() -> None:
    """The driver and SQLAlchemy each wrap it."""
    outer = ValueError("outer")
    outer.__cause__ = ValueError("inner")
    outer.__cause__.__context__ = ssl.SSLError(1, "wrong version number")
    with pytest.raises(Misconfigured, match=r"db\.example\.com does not speak TLS") as caught:
        refuse_unverified(a_url(), outer)
    assert "hunter2" not in str(caught.value)
