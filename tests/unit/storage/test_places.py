"""Places in the line of a SQLite file's writer."""

from postkeep.domain.accounts import AccountId
from postkeep.storage.account_turns import Places
from postkeep.storage.limits import PLACE_BYTES
from tests.builders import an_account_id


def order_of(*wanted: tuple[AccountId | None, int]) -> list[int]:
    """Return in which order those have their turn who come at once, each with an account and bytes."""
    places = Places()
    taken = [places.take(*each) for each in wanted]
    return sorted(range(len(wanted)), key=taken.__getitem__)


def test_the_first_of_each_account_comes_before_the_second_of_any() -> None:
    """Who sends hundreds at once has them done one after the other, and those of others between them."""
    mine, yours = an_account_id(), an_account_id()
    assert order_of((mine, 0), (mine, 0), (mine, 0), (yours, 0), (yours, 0)) == [0, 3, 1, 4, 2]


def test_what_changes_much_gives_way() -> None:
    """Many accounts that change megabytes each are in nobody's way who changes a line."""
    weights = [16 * PLACE_BYTES, PLACE_BYTES, 0]
    assert order_of(*((an_account_id(), weight) for weight in weights)) == [2, 1, 0]


def test_who_is_no_account_comes_in_order() -> None:
    """Attempts to log in are nobody's: those of one person stand behind those of another for nothing else."""
    assert order_of((None, 0), (an_account_id(), 0), (None, 0), (None, 0)) == [0, 1, 2, 3]


def test_nobody_comes_before_those_who_had_their_turn() -> None:
    """What is heavy would wait for ever otherwise, as long as somebody new comes all the time."""
    places, heavy = Places(), Places().take(None, 3 * PLACE_BYTES)
    for _ in range(heavy):
        account_id = an_account_id()
        places.leave(account_id, places.take(account_id, 0), served=True)
    assert places.take(an_account_id(), 0) > heavy


def test_nobody_is_held_to_what_they_had_long_ago() -> None:
    """Whoever has waited for nothing meanwhile is as good as anybody else."""
    places, mine = Places(), an_account_id()
    for place in [places.take(mine, 0) for _ in range(10)]:
        places.leave(mine, place, served=True)
    assert places.take(mine, 0) == places.take(an_account_id(), 0)


def test_who_goes_away_sends_nobody_back() -> None:
    """A unit that nobody waits for any more has not been served, nor have those of its account that stand before it."""
    places, mine = Places(), an_account_id()
    heavy = places.take(mine, 16 * PLACE_BYTES)
    light = places.take(mine, 0)
    places.leave(mine, light, served=False)
    assert places.take(an_account_id(), 0) < heavy
