"""Accounts as clients see them."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from postkeep.domain.accounts import (
    EMAIL_MAX_LENGTH,
    PASSWORD_MAX_LENGTH,
    PASSWORD_MIN_LENGTH,
    Account,
    Email,
    Password,
)
from postkeep.views.fields import Body, Moment, Parsed


class NewAccount(Body):
    """Who signs up."""

    email: Annotated[
        Email, Parsed(Email.parse, {"format": "email", "maxLength": EMAIL_MAX_LENGTH, "examples": ["ann@example.com"]})
    ]
    password: Annotated[
        Password,
        Parsed(
            Password.parse,
            {
                "format": "password",
                "minLength": PASSWORD_MIN_LENGTH,
                "maxLength": PASSWORD_MAX_LENGTH,
                "examples": ["five purple ducks"],
            },
        ),
    ]


class Me(BaseModel):
    """The caller's own account."""

    id: UUID
    email: str = Field(examples=["ann@example.com"])
    created_date: Moment
    posts: int = Field(description="How many posts are kept.")
    bytes: int = Field(description="How many octets their titles and texts have in UTF-8.")

    @classmethod
    def of(cls, account: Account) -> Self:
        """Show an account to its owner."""
        return cls(
            id=account.id,
            email=account.email.address,
            created_date=account.created_date,
            posts=account.posts,
            bytes=account.bytes,
        )
