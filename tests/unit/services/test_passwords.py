"""Which passwords may be kept."""

import pytest

from postkeep.domain.accounts import (
    Email,
    Password,
    PasswordCompromised,
    PasswordTooShort,
)
from postkeep.domain.sessions import Origin
from tests.builders import an_email
from tests.fakes import a_world

ORIGIN = Origin("curl/8", "192.0.2.7")


class TestPasswordPolicy:
    """PW-08: which passwords may be kept, wherever they come from."""

    @pytest.mark.parametrize(
        "typed",
        [
            "Ann.Lee1@Bücher.Example",
            "ann.lee1@xn--bcher-kva.example",
            "ANN.LEE1@XN--BCHER-KVA.EXAMPLE",
            "ann.lee1",
            "Ann.Lee1",
        ],
    )
    async def test_one_s_own_address_is_refused(self, typed: str) -> None:
        """In any case and spelling, or what stands before the @."""
        with pytest.raises(PasswordCompromised) as caught:
            await a_world().administration.create(Email.parse("Ann.Lee1@bücher.example"), Password.parse(typed))
        assert "address" in caught.value.detail

    @pytest.mark.parametrize("typed", ["postkeep", "PostKeep", "p.o.s.t.k.e.e.p", "!!postkeep2026!!", "1 post 2 keep"])
    async def test_the_product_s_name_is_refused(self, typed: str) -> None:
        """With whatever ornaments."""
        with pytest.raises(PasswordCompromised) as caught:
            await a_world().administration.create(an_email(), Password.parse(typed))
        assert "product" in caught.value.detail

    async def test_a_common_password_is_refused(self) -> None:
        """With that reason."""
        with pytest.raises(PasswordCompromised) as caught:
            await a_world().administration.create(an_email(), Password.parse("PassWord1"))
        assert "common" in caught.value.detail

    @pytest.mark.parametrize("typed", ["postkeeper", "my postkeep", "ann.lee1 again", "bücher.example", "12345 ducks"])
    async def test_others_are_taken(self, typed: str) -> None:
        """The rules refuse what they name and nothing near it."""
        await a_world().administration.create(Email.parse("Ann.Lee1@bücher.example"), Password.parse(typed))

    async def test_pw_01_a_server_can_ask_for_longer_passwords(self) -> None:
        """Up to the 15 of NIST and beyond."""
        world = a_world(password_min_length=15)
        with pytest.raises(PasswordTooShort) as caught:
            await world.accounts.signup(an_email(), Password.parse("x" * 14), ORIGIN)
        assert "15" in caught.value.detail
        await world.accounts.signup(an_email(), Password.parse("x" * 15), ORIGIN)

    async def test_pw_01_a_server_cannot_ask_for_shorter_ones(self) -> None:
        """8 is the floor."""
        with pytest.raises(PasswordTooShort):
            await a_world(password_min_length=1).administration.create(an_email(), Password("x" * 7))
