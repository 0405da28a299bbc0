"""TLS to a database server: on which URLs it is asked for, and what a server must show."""

import ssl
from collections.abc import Iterator
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final, Literal

from sqlalchemy import URL

from postkeep.domain.errors import Misconfigured

Wish = Literal["auto", "verify", "off"]
"""What an operator says about TLS; `auto` is `verify` off loopback, and wherever a CA is named."""

_CA: Final = "postkeep_ca"
"""The word of ours in a URL's query: the CA's file, or `system` for those it has. The driver never sees it."""

_SYSTEM: Final = "system"

_OTHER_NAME: Final = frozenset({62, 64})
"""What a certificate for another host, or another address, is called. Source: OpenSSL, X509_V_ERR_HOSTNAME_MISMATCH."""

_TRUSTED: Final = "or set POSTKEEP_DATABASE_TLS=off, if you trust every machine in between."


def is_local(url: URL) -> bool:
    """Whether nothing but this machine lies between us and a server: loopback, or a socket in a folder."""
    host = (url.host or "localhost").lower()
    if "unix_socket" in url.query or host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def with_tls(url: URL, wish: Wish, ca: Path | None) -> URL:
    """Have a URL say whether each connection made with it is encrypted and verified, so that none can forget it.

    Args:
        url: `mysql+asyncmy://...`.
        wish: What the operator says.
        ca: The file of the CA that the server's certificate is from; the system's CAs otherwise.

    Raises:
        Misconfigured: A CA is named and TLS switched off.
    """
    if wish == "off" and ca is not None:
        message = "POSTKEEP_DATABASE_CA is set, and POSTKEEP_DATABASE_TLS is off: unset one of them."
        raise Misconfigured(message)
    if wish == "off" or (wish == "auto" and ca is None and is_local(url)):
        return url
    return url.update_query_dict({_CA: _SYSTEM if ca is None else str(ca.absolute())})


def for_driver(url: URL) -> URL:
    """Return a URL without our word in it."""
    return url.difference_update_query([_CA])


def tls_of(url: URL) -> ssl.SSLContext | None:
    """Return what the driver encrypts and verifies with, or None where the URL asks for neither.

    It is never True or a dict of options, with which the driver verifies nothing.

    Raises:
        Misconfigured: The CA's file cannot be used.
    """
    ca = url.query.get(_CA)
    return None if ca is None else _context(str(ca))


@lru_cache
def _context(ca: str) -> ssl.SSLContext:
    """Make a context that wants a certificate from a CA, for the name that is connected to."""
    try:
        return ssl.create_default_context(cafile=None if ca == _SYSTEM else ca)
    except ssl.SSLError as error:
        message = f"POSTKEEP_DATABASE_CA: {ca} holds no certificates in PEM form."
        raise Misconfigured(message) from error
    except OSError as error:
        message = f"POSTKEEP_DATABASE_CA: {ca} cannot be read: {error.strerror}."
        raise Misconfigured(message) from error


def refuse_unverified(url: URL, error: BaseException) -> None:
    """Say what to do where a connection failed for want of a certificate that we trust; nothing if it did otherwise.

    Raises:
        Misconfigured: It did.
    """
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Misconfigured(_complaint(url, cause)) from error
        if isinstance(cause, ssl.SSLError):
            message = f"The database at {url.host} does not speak TLS ({cause}): switch it on there, {_TRUSTED}"
            raise Misconfigured(message) from error


def _complaint(url: URL, error: ssl.SSLCertVerificationError) -> str:
    """Say what is wrong with a certificate."""
    if error.verify_code in _OTHER_NAME:
        return (
            f"The database's certificate is not for the name {url.host}: connect to the name that it is for,"
            f" have one made for this name, {_TRUSTED}"
        )
    return (
        f"The certificate of the database at {url.host} cannot be verified ({error.verify_message}):"
        f" name the file of the CA that it is from in POSTKEEP_DATABASE_CA, {_TRUSTED}"
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    """Return an error, and what it was raised for."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
