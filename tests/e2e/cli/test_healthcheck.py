"""`postkeep healthcheck`: what a container engine asks."""

import json
import socket
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from tests.databases import free_port
from tests.e2e.cli.commands import Outcome, postkeep, refusal
from tests.e2e.conftest import settings_for
from tests.e2e.servers import PostkeepServer

READY = b'HTTP/1.1 200 OK\r\n\r\n{"status": "ok"}'

ANSWERS = {
    "another-program": (b"220 mail.example.com ESMTP\r\n", "does not speak HTTP"),
    "nothing": (b"", "does not speak HTTP"),
    "no-status": (b"HTTP/1.1 fine\r\n\r\n", "does not speak HTTP"),
    "another-server": (b"HTTP/1.1 404 Not Found\r\n\r\n<h1>Not Found</h1>", "status 404"),
    "no-problem": (b"HTTP/1.1 503 Service Unavailable\r\n\r\n[]", "status 503"),
    "not-ready": (
        b"HTTP/1.1 503 Service Unavailable\r\n\r\n" + json.dumps({"detail": "The database does not answer."}).encode(),
        "Not ready: The database does not answer.",
    ),
}


def asked(port: int, folder: Path, host: str = "127.0.0.1") -> Outcome:
    """Ask the server that listens there."""
    return postkeep("healthcheck", settings={"POSTKEEP_HOST": host, "POSTKEEP_PORT": str(port)}, folder=folder)


@contextmanager
def answering(answer: bytes, host: str = "127.0.0.1") -> Generator[int]:
    """Listen for one caller, say this to it and hang up."""

    def serve() -> None:
        caller, _ = listener.accept()
        with caller:
            caller.recv(4096)
            caller.sendall(answer)

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as listener:
        listener.settimeout(20)
        thread = Thread(target=serve)
        thread.start()
        yield listener.getsockname()[1]
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])  # noqa: S104 - what an image's server listens on
def test_a_ready_server_is_exit_code_0_and_one_line(tmp_path: Path, host: str) -> None:
    """Nobody can ask all addresses: loopback stands for them."""
    with PostkeepServer(tmp_path, settings_for()).running() as server:
        told = asked(server.port, tmp_path, host)
    assert (told.code, told.out, told.err) == (0, "Ready.\n", "")


def test_all_addresses_of_ipv6_are_asked_on_its_loopback(tmp_path: Path) -> None:
    """Machines without IPv4 listen on "::"."""
    with answering(READY, "::1") as port:
        told = asked(port, tmp_path, "::")
    assert (told.code, told.out, told.err) == (0, "Ready.\n", "")


def test_a_port_that_nobody_listens_on_is_told_in_one_line(tmp_path: Path) -> None:
    """The server is starting, or gone."""
    told = asked(free_port(), tmp_path)
    assert (told.code, "127.0.0.1 port" in refusal(told)) == (1, True)


@pytest.mark.parametrize("name", ANSWERS)
def test_any_other_answer_is_told_in_one_line(tmp_path: Path, name: str) -> None:
    """An engine shows the line to whoever looks why a container is unhealthy."""
    answer, says = ANSWERS[name]
    with answering(answer) as port:
        told = asked(port, tmp_path)
    assert (told.code, says in refusal(told)) == (1, True)


def test_a_server_that_never_answers_is_not_waited_for(tmp_path: Path) -> None:
    """A process that hangs accepts connections for a long time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        told = asked(silent.getsockname()[1], tmp_path)
    assert (told.code, "in 3 seconds" in refusal(told)) == (1, True)
