"""How a client says who it is."""

from postkeep.domain.sessions import TokenInvalid, TokenMissing


def bearer_token(authorization: bytes) -> str:
    """Return the access token of an Authorization header.

    Raises:
        TokenMissing: It has another scheme.
        TokenInvalid: It has the scheme without exactly one token.

    Source: RFC 9110 11.6.2, RFC 6750 2.1.
    """
    scheme, _, token = authorization.decode("latin-1").partition(" ")
    if scheme.lower() != "bearer":
        raise TokenMissing
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise TokenInvalid
    return token
