"""Which Host means this server."""

import pytest

from postkeep.server.hosts import HostNames, parse_names

NAMES = HostNames(parse_names("Posts.example.com, .example.org *.example.net example.edu. build_1 example.museum"))


@pytest.mark.parametrize(
    "host",
    [
        "posts.example.com",
        "POSTS.Example.COM",
        "posts.example.com:8000",
        "posts.example.com:",
        "posts.example.com.",
        "posts.example.com.:443",
        "example.org",
        "a.example.org",
        "a.b.example.org:80",
        "example.net",
        "a.example.net",
        "example.edu",
        "build_1",
        "localhost",
        "localhost:8000",
        "a.localhost",
        "testserver",
        "127.0.0.1",
        "127.0.0.1:8000",
        "203.0.113.9",
        "[::1]",
        "[::1]:8000",
        "[2001:DB8::1]",
    ],
)
def test_br_16_a_name_of_this_server_is_one_however_it_is_written(host: str) -> None:
    """Case, port and a last dot say nothing (RFC 9110 4.2.3); an address is nobody's name."""
    assert NAMES.has(host.encode())


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "example.com",
        "a.posts.example.com",
        "posts.example.com.evil.example",
        "evilposts.example.com",
        "evilexample.org",
        "example.org.evil.example",
        "a.example.edu",
        "notlocalhost",
        "localhost.evil.example",
        "posts.example.com..",
        "posts.example.com:80:80",
        "posts.example.com:http",
        "posts.example.com@evil.example",
        "posts.example.com/evil",
        "posts.example.com,evil.example",
        " posts.example.com",
        "posts.example.com ",
        "posts example com",
        "post\u017f.example.com",
        "",
        ":80",
        ".",
        "..",
        "[]",
        "[localhost]",
        "[127.0.0.1]",
        "::1",
        "[::1",
        "[::1]evil",
        "127.1",
        "2130706433",
        "0x7f.0.0.1",
        "127.0.0.1.evil.example",
        "*",
    ],
)
def test_br_16_any_other_name_is_not(host: str) -> None:
    """Not what ends, begins or looks like one, and nothing that merely holds one."""
    assert not NAMES.has(host.encode("utf-8"))


@pytest.mark.parametrize(
    "given",
    [
        "https://example.com",
        "example.com/",
        "example.com:8000",
        "exa mple.com!",
        "a..b",
        "*.*",
        "a*",
        "..a",
        ".",
        "пример.рф",
        "a" * 64,
    ],
)
def test_what_cannot_be_a_name_is_refused_at_the_start(given: str) -> None:
    """It would never match, and its operator would not know why."""
    with pytest.raises(ValueError, match=r"each is a name like example\.com"):
        parse_names(given)
