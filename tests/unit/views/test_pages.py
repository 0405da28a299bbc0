"""The pages: what they are made of is read once."""

import pytest
from starlette.datastructures import QueryParams
from starlette.types import Scope

from postkeep.views import pages
from postkeep.views.pages import Pages

QUERY = b"q=ducks&x=y&done=saved"
REFUSED = {"code": "not_found", "refused_status": 404, "request_id": "a"}


def asked(**state: object) -> Scope:
    """Return a request for a page of the list."""
    return {
        "type": "http",
        "scheme": "http",
        "method": "GET",
        "path": "/",
        "query_string": QUERY,
        "headers": [],
        "state": state,
    }


@pytest.mark.parametrize(("known", "times"), [(False, 1), (True, 0)], ids=["nobody has", "the route has"])
def test_a_query_is_read_once_for_each_request(monkeypatch: pytest.MonkeyPatch, *, known: bool, times: int) -> None:
    """It may have a hundred parameters, and a page asks for two things of it."""
    read: list[bytes] = []

    def reading(query: bytes) -> QueryParams:
        read.append(query)
        return QueryParams(query)

    monkeypatch.setattr(pages, "QueryParams", reading)
    scope = asked(**({"query": QueryParams(QUERY)} if known else {}))
    page = Pages(language="en", password_min_length=12, has_docs=True).show(scope, "refused", REFUSED, status=404)
    assert b'value="/?q=ducks"' in page.body
    assert len(read) == times
