"""Logins and tokens as clients see them."""

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import JSONResponse, Response

from postkeep.domain.accounts import EMAIL_MAX_LENGTH, Email, EmailInvalid
from postkeep.domain.sessions import Session, SessionId
from postkeep.services.sessions import Tokens
from postkeep.views.fields import Body, GivenPassword, Moment, Parsed


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
    password: GivenPassword


class UsedRefreshToken(Body):
    """The refresh token that is used up for the next one."""

    refresh_token: Annotated[str, Field(min_length=1, max_length=4096)]


class TokenForm(BaseModel):
    """What OAuth 2 clients send for tokens. Source: RFC 6749 4.3.2 (password grant), 6 (refresh_token grant)."""

    grant_type: str | None = Field(
        default=None, examples=["password"], json_schema_extra={"enum": ["password", "refresh_token"]}
    )
    username: str | None = Field(
        default=None, description="The e-mail address, for the password grant.", examples=["ann@example.com"]
    )
    password: str | None = Field(default=None, examples=["five purple ducks"], json_schema_extra={"format": "password"})
    refresh_token: str | None = Field(default=None, description="For the refresh_token grant.")
    scope: str | None = Field(default=None, description="Ignored: a token is good for everything of its account.")
    client_id: str | None = Field(default=None, description="Ignored.")
    client_secret: str | None = Field(default=None, description="Ignored.")


class SessionView(BaseModel):
    """One login that is still good."""

    id: UUID
    device: str = Field(description="What the client called itself at the login (User-Agent).")
    address: str = Field(description="The network address that the login came from.")
    created_date: Moment = Field(description="When the login was.")
    last_used_date: Moment = Field(description="When its tokens were last renewed, which a client does as it works.")
    expires_date: Moment = Field(description="When it ends by itself, however much it is used.")
    is_current: bool = Field(description="Whether it is the session of this request.")

    @classmethod
    def of(cls, session: Session, current: SessionId) -> Self:
        """Show a session to its owner."""
        return cls(
            id=session.id,
            device=session.origin.device,
            address=session.origin.address,
            created_date=session.created_date,
            last_used_date=session.refreshed_date,
            expires_date=session.expires_date,
            is_current=session.id == current,
        )


class TokenPair(BaseModel):
    """What to come back with. Source: RFC 6749 5.1."""

    model_config = ConfigDict(json_schema_serialization_defaults_required=True)

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
