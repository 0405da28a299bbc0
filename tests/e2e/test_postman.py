"""The Postman collection, run as Postman runs it (SPECIFICATION.md, S-33)."""

import json
import re
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.e2e.servers import PostkeepServer

COLLECTION = Path(__file__).parents[2] / "docs" / "postman_collection.json"

NEW = re.compile(r'pm\.collectionVariables\.set\("(\w+)", pm\.variables\.replaceIn\("(.+)"\)\);')
TAKEN = re.compile(r'pm\.collectionVariables\.set\("(\w+)", pm\.response\.json\(\)(\.slice\(-1\)\[0\])?\.(\w+)\);')
STATUS = re.compile(r'pm\.test\("answers \d+", \(\) => pm\.response\.to\.have\.status\((\d+)\)\);')

Json = dict[str, Any]  # Any: what a JSON document holds


class Runner:
    """What Postman is to this collection: variables, requests, and the lines of script that it has."""

    def __init__(self, collection: Json, server: PostkeepServer) -> None:
        """Take the collection's variables, with another server's address."""
        self.variables = {variable["key"]: variable["value"] for variable in collection["variable"]}
        self.variables["baseUrl"] = server.url
        self.auth: Json = collection["auth"]
        self.http = server.http

    def run(self, item: Json) -> tuple[int, list[int]]:
        """Send a request, and return its answer's status and the statuses that its scripts want."""
        for line in script(item, "prerequest"):
            name, value = matched(NEW, line)
            self.variables[name] = self.fill(value)
        response = self.http.send(self.request(item["request"]))
        wanted: list[int] = []
        for line in script(item, "test"):
            if status := STATUS.fullmatch(line):
                wanted.append(int(status[1]))
            else:
                name, last, member = matched(TAKEN, line)
                self.variables[name] = (response.json()[-1] if last else response.json())[member]
        return response.status_code, wanted

    def request(self, described: Json) -> httpx2.Request:
        """Make a request, with its variables filled in."""
        headers = {pair["key"]: self.fill(pair["value"]) for pair in described.get("header", [])}
        auth: Json = described.get("auth", self.auth)
        if auth["type"] == "bearer":
            headers["Authorization"] = f"Bearer {self.fill(auth['bearer'][0]['value'])}"
        body: Json = described.get("body", {})
        sent = [pair for pair in body.get("urlencoded", []) if not pair["disabled"]]
        return self.http.build_request(
            described["method"],
            self.fill(described["url"]["raw"]),
            headers=headers,
            content=self.fill(body["raw"]) if "raw" in body else None,
            data={pair["key"]: self.fill(pair["value"]) for pair in sent} or None,
        )

    def fill(self, text: str) -> str:
        """Put values in place of variables; one that nobody has set is an error."""
        return re.sub(r"\{\{(.+?)\}\}", lambda found: self.value(found[1]), text)

    def value(self, name: str) -> str:
        """Return what a variable stands for."""
        value = str(uuid.uuid4()) if name == "$guid" else self.variables[name]
        assert value, name
        return value


def script(item: Json, when: str) -> list[str]:
    """Return the lines that run before a request, or after its answer."""
    return [line for event in item["event"] if event["listen"] == when for line in event["script"]["exec"]]


def matched(form: re.Pattern[str], line: str) -> tuple[str, ...]:
    """Read a line of script; one of another form is an error."""
    found = form.fullmatch(line)
    assert found is not None, line
    return found.groups("")


def requests(collection: Json) -> Iterator[Json]:
    """Go through the requests in the order in which Postman runs them."""
    for folder in collection["item"]:
        yield from folder["item"]


def test_the_postman_collection_runs_through(sqlite_server: PostkeepServer) -> None:
    """Whoever tries Postkeep with Postman presses one button, and every request answers what it says."""
    collection = json.loads(COLLECTION.read_text("utf-8"))
    runner = Runner(collection, sqlite_server)

    for item in requests(collection):
        status, wanted = runner.run(item)
        assert [status] == wanted, item["name"]
