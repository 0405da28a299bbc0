"""Forms: what was typed, what it means, and which field is told what is wrong."""

from collections.abc import Callable
from typing import Any

import pytest

from postkeep.domain.accounts import EmailTaken
from postkeep.domain.errors import PostkeepError
from postkeep.domain.posts import MAX_BODY_BYTES, Status, VersionInvalid
from postkeep.domain.sessions import PasswordWrong
from postkeep.services.ports import StorageUnavailable
from postkeep.views.forms import (
    Entered,
    EntriesRefused,
    TextTooLong,
    read_changed_password,
    read_credentials,
    read_new_account,
    read_post,
    read_proof,
    read_version,
)
from tests.builders import a_post

GOOD = {"text": "text", "title": "title", "status": "draft", "email": "ann@example.com", "password": "a good password"}


def entered(**changed: str) -> Entered:
    """Return a form with everything right but what is changed."""
    return Entered({**GOOD, **changed})


class TestPosts:
    """What was written."""

    def test_a_post_is_read(self) -> None:
        """As it was typed, with line ends as they were in the field."""
        read = read_post(entered(text=" a\r\n\r\nb\rc\n"))
        assert read == (" a\n\nb\rc\n", "title", Status.DRAFT)

    def test_no_title_is_none_and_no_status_is_published(self) -> None:
        """As with the API."""
        assert read_post(entered(title="", status="")) == ("text", None, Status.PUBLISHED)

    def test_what_is_wrong_is_told_all_at_once(self) -> None:
        """Field by field."""
        form = entered(text=" ", title=" ", status="gone")
        with pytest.raises(EntriesRefused):
            read_post(form)
        assert form.errors == {"text": "text_invalid", "title": "title_invalid", "status": "status_invalid"}

    @pytest.mark.parametrize(("text", "title", "fits"), [("x", "", True), ("x", "y", False), ("é", "", False)])
    def test_text_and_title_have_a_megabyte_together(self, text: str, title: str, *, fits: bool) -> None:
        """In bytes, as they are kept."""
        form = entered(text="x" * (MAX_BODY_BYTES - 1) + text, title=title)
        try:
            read_post(form)
        except TextTooLong as error:
            form.refuse(error)
        assert form.errors == ({} if fits else {"text": "text_too_long"})

    def test_a_post_comes_back_as_a_form(self) -> None:
        """To be written anew, from the version that was read."""
        post = a_post(title=None)
        form = Entered.of(post)
        assert read_post(form) == (post.text, None, post.status)
        assert read_version(form) == post.version
        form.start_from(7)
        assert read_version(form) == 7

    @pytest.mark.parametrize("version", ["", "0", "01", "-1", "+1", "1.0", "1e1", " 1", "١", "1" * 10])
    def test_a_version_is_a_number_that_some_form_has_said(self, version: str) -> None:
        """Nothing else is read into it."""
        with pytest.raises(VersionInvalid):
            read_version(entered(version=version))


class TestAccounts:
    """Who somebody wants to be."""

    def test_a_new_account_is_read(self) -> None:
        """An address and a password."""
        email, password = read_new_account(entered())
        assert (email.address, password.secret) == (GOOD["email"], GOOD["password"])

    def test_both_may_be_wrong(self) -> None:
        """Nobody sends a form twice to hear of two mistakes."""
        form = entered(email="nobody", password="x")
        with pytest.raises(EntriesRefused):
            read_new_account(form)
        assert form.errors == {"email": "email_invalid", "password": "password_too_short"}

    def test_what_is_no_address_logs_in_as_nobody(self) -> None:
        """It is refused as a wrong password is, no sooner."""
        email, _ = read_credentials(entered(email="nobody"))
        assert email is None

    @pytest.mark.parametrize("read", [read_credentials, read_proof, read_changed_password])
    def test_no_password_can_be_like_that(self, read: Callable[[Entered], Any]) -> None:
        """Longer than any that is kept."""
        form = entered(password="x" * 129, new_password="a better password")
        with pytest.raises(EntriesRefused):
            read(form)
        assert form.errors == {"password": "password_too_long"}

    def test_a_password_that_is_only_compared_may_be_short(self) -> None:
        """It is wrong then, not malformed."""
        assert read_proof(entered(password="x")).secret == "x"


class TestRefusals:
    """Where it is told what is wrong."""

    @pytest.mark.parametrize(
        ("error", "more", "told"),
        [
            (EmailTaken(), {}, {"email": "email_taken"}),
            (PasswordWrong(), {}, {"password": "wrong_password"}),
            (StorageUnavailable(), {}, {"form": "storage_unavailable"}),
            (EntriesRefused(), {}, {}),
        ],
        ids=["taken", "wrong", "unavailable", "noted"],
    )
    def test_a_refusal_stands_where_it_belongs(
        self, error: PostkeepError, more: dict[str, str], told: dict[str, str]
    ) -> None:
        """Beside its field, or above the form."""
        form = entered(**more)
        form.refuse(error)
        assert form.errors == told

    def test_what_was_not_typed_is_empty(self) -> None:
        """A form that is shown for the first time has nothing in it, and nothing wrong."""
        form = Entered()
        assert (form["text"], form.errors) == ("", {})
