"""Accounts as clients see them."""

from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field

from postkeep.domain.accounts import EMAIL_MAX_LENGTH, Account, Email
from postkeep.views.fields import Body, ChosenPassword, GivenPassword, Moment, Parsed


class NewAccount(Body):
    """Who signs up."""

    email: Annotated[
        Email, Parsed(Email.parse, {"format": "email", "maxLength": EMAIL_MAX_LENGTH, "examples": ["ann@example.com"]})
    ]
    password: ChosenPassword


class ChangedPassword(Body):
    """The password so far, and the one from now on."""

    current_password: GivenPassword
    new_password: ChosenPassword


class Leaving(Body):
    """What shows that it is the owner who removes the account."""

    password: GivenPassword


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
