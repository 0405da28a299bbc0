"""What Schemathesis calls as it runs: accounts that may be lost, a check of our own, a record of all that went by.

Source: https://schemathesis.readthedocs.io/en/stable/reference/hooks/
"""

# The library's own types leave much unsaid.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false

import io
import itertools
import json
import os
import secrets
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final, TypeAlias

import jwt
import requests
import schemathesis
from hypothesis import strategies
from schemathesis import AuthContext, CheckContext, HookContext, Response
from schemathesis.specs.openapi.checks import has_only_additional_properties_in_non_body_parameters

Case: TypeAlias = Any  # Any: the library's own class leaves its parts untyped

RECORD: Final = "POSTKEEP_TEST_RECORD"
"""The variable that names the file of the record: one JSON object per request."""

PASSWORD: Final = "five purple ducks"
"""The password of all accounts here: the one in the description's examples, so that these succeed."""

_ENDS_ITS_CALLER: Final = {"deleteAccount", "changePassword", "logout"}
"""Operations after which the token that they were called with is good for nothing, or its password another one."""

_BEYOND_SCHEMAS: Final = {
    "signup": {"password_compromised", "email_invalid"},
    "signupByName": {"password_compromised", "email_invalid"},
    "changePassword": {"password_compromised"},
    "addPost": {"idempotency_key_reused"},
    "addPostByName": {"idempotency_key_reused"},
    # Its coverage phase sends 0 in headers, whatever their pattern. JSON Schema calls 1.0 an integer, and we do not.
    "editPost": {"versions_disagree", "if_match_invalid", "int_type"},
    "deletePost": {"if_match_invalid"},
    "deletePostByName": {"if_match_invalid"},
    "deletePostByQuery": {"if_match_invalid"},
    "getPosts": {"cursor_invalid"},
    "getPostsByName": {"cursor_invalid"},
}
"""Which codes a 422 to data that the schema allows may have; schemathesis.toml says why."""

_BEYOND_LINES: Final = {"date_invalid", "text_invalid", "title_invalid"}
"""Which codes a line or a file may have in the report of an import that the schema allows: when is now, only a server
knows; that no letter may be half of one, no pattern says."""

_SECRET: Final = {"text", "title", "password", "current_password", "new_password", "refresh_token", "access_token"}


@schemathesis.serializer("application/jsonl")
def lines_of(_context: Any, value: Any) -> bytes:  # Any: as above, and JSON is anything
    """Write what is brought in: a line for each; what is no list, in one that no post has."""
    lines = value if isinstance(value, list) else [[value]]
    return b"".join(json.dumps(each).encode() + b"\n" for each in lines)


@schemathesis.deserializer("application/jsonl")
def values_of(_context: Any, response: Response) -> list[Any]:  # Any: as above
    """Read an answer that has a line of JSON for each value."""
    return _read_lines(response)


def _read_lines(response: Response) -> list[Any]:
    """Return the values."""
    return [json.loads(line) for line in response.content.splitlines()]


def _zipped(texts: list[str]) -> bytes:
    """Return a ZIP with a file for each text."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for number, text in enumerate(texts):
            archive.writestr(f"{number}.md", text)
    return file.getvalue()


schemathesis.openapi.media_type("application/zip", strategies.lists(strategies.text(), max_size=3).map(_zipped))


_spare: list[str] = []
"""The token of somebody who is not needed any more, and still there."""

_numbers = itertools.count(1)
_mark = secrets.token_hex(4)
_session = requests.Session()
_session.trust_env = False


@schemathesis.hook
def before_load_schema(_context: HookContext, raw_schema: dict[str, Any]) -> None:
    """Say in HTTP's words what an OAuth 2 token is sent as: `ignored_auth` looks for these only."""
    raw_schema["components"]["securitySchemes"]["Bearer"] = {"type": "http", "scheme": "bearer"}
    for operation in (operation for path in raw_schema["paths"].values() for operation in path.values()):
        if "security" in operation:
            operation["security"] = [{"Bearer": []}]


@schemathesis.hook
def before_add_examples(context: HookContext, examples: list[Case]) -> None:
    """Add what no description can hold: a token, a post and a session that are there, and an address that is not."""
    operation: Any = context.operation  # Any: as above
    url = operation.schema.get_base_url().rstrip("/")
    match operation.definition.raw["operationId"]:
        case "signup" | "signupByName":
            example = operation.Case(body={"email": _new_address(), "password": PASSWORD})
        case "refresh":
            example = operation.Case(body={"refresh_token": _log_in(url)["refresh_token"]})
        case "deletePostByName" | "deletePostByQuery" as name:
            post = _ask(f"{url}/addPost", {"text": "To be deleted."}, _log_in(url)["access_token"])
            place = "query" if name == "deletePostByQuery" else "path_parameters"
            example = operation.Case(**{place: {"postID": post["postID"]}})
        case "changePosts":
            post = _ask(f"{url}/addPost", {"text": "To be archived."}, _log_in(url)["access_token"])
            example = operation.Case(body={"posts": [post["postID"]], "status": "archived"})
        case "endSession":
            example = operation.Case(path_parameters={"sessionID": _session_of(_log_in(url)["access_token"])})
        case _:
            return
    if operation.schema.auth.is_defined:
        operation.schema.auth.set(example, AuthContext(operation=operation, app=None))
    examples.append(example)


@schemathesis.hook
def before_call(_context: HookContext, case: Case, _kwargs: dict[str, Any]) -> None:
    """Call what would end its caller as somebody who is not needed any more."""
    if getattr(case, "auth_identity", None) is None:
        return
    is_own_session = case.path_parameters.get("sessionID") == _session_of(case.headers["Authorization"])
    if is_own_session or _name(case) in _ENDS_ITS_CALLER:
        _spare[:] = _spare or [_somebody(case.operation.schema.get_base_url().rstrip("/"))]
        case.headers["Authorization"] = f"Bearer {_spare[0]}"
    if is_own_session:
        case.path_parameters["sessionID"] = _session_of(_spare[0])


@schemathesis.hook
def after_call(_context: HookContext, case: Case, response: Response) -> None:
    """Write down what was asked and answered."""
    if _name(case) in {*_ENDS_ITS_CALLER, "endSession"} and response.status_code == requests.codes.no_content:
        _spare.clear()
    phase = case.meta.phase.name.value if case.meta is not None else "probe"
    sent = {*_secrets_of(case.body), case.headers.get("Authorization", "").partition(" ")[2]}
    line = {"operation": _name(case), "phase": phase, "status": response.status_code, "secrets": sorted(sent - {""})}
    with Path(os.environ[RECORD]).open("a", encoding="utf-8") as record:
        record.write(f"{json.dumps(line)}\n")


@schemathesis.check
def refused_for_what_no_schema_says(_ctx: CheckContext, response: Response, case: Case) -> None:
    """Hold a 422 to data that the schema allows to the reasons that no schema could give."""
    if response.status_code != 422 or case.meta is None or not case.meta.generation.mode.is_positive:
        return
    codes = {error["code"] for error in response.json()["errors"]}
    assert codes <= _BEYOND_SCHEMAS.get(_name(case), set()), f"{codes} in the answer to data that the schema allows"


@schemathesis.check
def refused_line_by_line(_ctx: CheckContext, response: Response, case: Case) -> None:
    """Hold a report to the lines that it is of: those that the schema allows are taken, others are refused."""
    if _name(case) != "importPosts" or response.status_code != requests.codes.ok or case.meta is None:
        return
    *lines, last = _read_lines(response)
    parts = {place.value for place, part in case.meta.components.items() if part.mode.is_negative}
    assert last["complete"], last
    if "body" in parts:
        assert last["refused"], "a line that the schema does not allow was taken"
    elif parts:
        assert has_only_additional_properties_in_non_body_parameters(case), f"what is wrong in {parts} is in no line"
    else:
        codes = {line["code"] for line in lines if line["outcome"] == "refused"}
        assert codes <= _BEYOND_LINES, f"{codes} in the report on data that the schema allows"


def _name(case: Case) -> str:
    """Return the operation's id."""
    name: str = case.operation.definition.raw["operationId"]
    return name


def _somebody(url: str) -> str:
    """Open an account and return its token."""
    return _ask(f"{url}/signup", {"email": _new_address(), "password": PASSWORD})["access_token"]


def _new_address() -> str:
    """Return an e-mail address that no account has."""
    return f"nobody-{_mark}-{next(_numbers)}@example.com"


def _log_in(url: str) -> dict[str, str]:
    """Return tokens of Ann's."""
    return _ask(f"{url}/login", {"email": "ann@example.com", "password": PASSWORD})


def _ask(url: str, body: dict[str, str], token: str = "") -> dict[str, str]:
    """Send JSON to where it must be taken, and return the answer."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = _session.post(url, json=body, headers=headers, timeout=20)
    answer.raise_for_status()
    answered: dict[str, str] = answer.json()
    return answered


def _session_of(authorization: str) -> str:
    """Return the id of the session that a token is of."""
    claims: dict[str, str] = jwt.decode(authorization.rpartition(" ")[2], options={"verify_signature": False})
    return claims["sid"]


def _secrets_of(body: Any) -> Collection[str]:
    """Return the strings in a body that nobody else may read."""
    members: dict[str, Any] = body if isinstance(body, dict) else {}
    return [members[name] for name in _SECRET if isinstance(members.get(name), str)]
