"""Logins and tokens as clients see them."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from postkeep.domain.accounts import EMAIL_MAX_LENGTH, PASSWORD_MAX_LENGTH, Email, EmailInvalid, Password
from postkeep.services.sessions import Tokens
from postkeep.views.fields import Body, Parsed


def email_or_nobody(given: str) -> Email | None:
    """Read an address; what cannot be one belongs to nobody, which the login says in its own time."""
    try:
        return Email.parse(given)
    except EmailInvalid:
        return None


class Credentials(Body):
    """Who logs in."""

    email: Annotated[
        Email | None,
        Parsed(email_or_nobody, {"format": "email", "maxLength": EMAIL_MAX_LENGTH, "examples": ["ann@example.com"]}),
    ]
    password: Annotated[
        Password,
        Parsed(
            Password.parse_any,
            {"format": "password", "maxLength": PASSWORD_MAX_LENGTH, "examples": ["five purple ducks"]},
        ),
    ]


class UsedRefreshToken(Body):
    """The refresh token that is used up for the next one."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=4096)]


class TokenPair(BaseModel):
    """What to come back with. Source: RFC 6749 5.1."""

    access_token: str = Field(description='Send it as "Authorization: Bearer ...".')
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the scheme's name
    expires_in: int = Field(description="For how many seconds the access token counts.", examples=[900])
    refresh_token: str = Field(description="Buys the next pair, once.")

    @classmethod
    def of(cls, tokens: Tokens) -> Self:
        """Show tokens to whom they belong."""
        return cls(access_token=tokens.access, expires_in=tokens.expires_in, refresh_token=tokens.refresh)


def oauth_refusal(error: str, description: str) -> Response:
    """Make the answer that says no to a request for tokens by form. Source: RFC 6749 5.2."""
    body = {"error": error, "error_description": description}
    return JSONResponse(body, 400, {"Cache-Control": "no-store"})


class OAuthError(BaseModel):
    """What is wrong with a request for tokens by form. Source: RFC 6749 5.2."""

    error: Literal["invalid_request", "invalid_grant", "unsupported_grant_type"]
    error_description: str
