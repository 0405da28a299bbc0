"""Make the Postman collection from the OpenAPI document, or check it: postman.py --write | --check.

The collection holds every operation, in an order that runs through from the first to the last. Source: Postman
Collection Format 2.1.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

_ROOT: Final = Path(__file__).resolve().parents[2]
_OPENAPI: Final = _ROOT / "docs" / "openapi.json"
_COLLECTION: Final = _ROOT / "docs" / "postman_collection.json"

# The folders and their requests, by operationId. A post can be deleted once only, so a second one is added.
_FOLDERS: Final = {
    "short names": (
        *("signupByName", "loginByName", "addPostByName", "getPostsByName", "deletePostByName"),
        *("addPostByName", "deletePostByQuery"),
    ),
    "resources": (
        *("signup", "login", "token", "refresh", "me"),
        *("addPost", "getPosts", "getSummary", "getPost", "editPost", "changePosts", "deletePost"),
        *("exportPosts", "importPosts", "logout"),
    ),
    "own account": ("login", "listSessions", "endSession", "endOtherSessions", "changePassword", "deleteAccount"),
    "health": ("livez", "readyz"),
}
_VARIABLES: Final = {
    "baseUrl": "http://127.0.0.1:8000",
    "email": "ann@example.com",
    "password": "five purple ducks",
    "token": "",
    "refreshToken": "",
    "postID": "",
    "sessionID": "",
}
# What requests send, by the name of a member; for any other one it is the example in the description, if there is one.
_SENT: Final = {
    "email": "{{email}}",
    "password": "{{password}}",
    "refresh_token": "{{refreshToken}}",
    "postID": "{{postID}}",
    "posts": ["{{postID}}"],
    "current_password": "{{password}}",
    "new_password": "{{password}}",
}
_FORM: Final = {"grant_type": "password", "username": "{{email}}", "password": "{{password}}"}
# The members of answers that later requests need, and the variables that they go to.
_TAKEN_OVER: Final = {"access_token": "token", "refresh_token": "refreshToken", "postID": "postID"}
_NEW_ADDRESS: Final = 'pm.collectionVariables.set("email", pm.variables.replaceIn("{{$guid}}@example.com"));'
_DESCRIPTION: Final = (
    "Run the collection as a whole, from its top, as often as you like: each sign-up takes a new address. To sign up "
    "with your own, set `email` and remove the script that runs before the request."
)

Json = dict[str, Any]  # Any: what a JSON document holds


def main(option: str = "") -> str | None:
    """Write the collection, or check it.

    Args:
        option: `--write` or `--check`.

    Returns:
        What is wrong, None when nothing is.
    """
    if option not in {"--write", "--check"}:
        return "usage: postman.py --write | --check"
    document = json.loads(_OPENAPI.read_text("utf-8"))
    if unplaced := _operations(document).keys() ^ {name for folder in _FOLDERS.values() for name in folder}:
        return f"bin/setup/postman.py and docs/openapi.json differ in these operations: {sorted(unplaced)}"
    text = json.dumps(_collection(document), indent=2, ensure_ascii=False) + "\n"
    if option == "--write":
        _COLLECTION.write_text(text, "utf-8")
    elif not _COLLECTION.is_file() or _COLLECTION.read_text("utf-8") != text:
        return "docs/postman_collection.json is not in step: run bin/check --fix."
    return None


def _collection(document: Json) -> Json:
    operations = _operations(document)
    return {
        "info": {
            "name": document["info"]["title"],
            "description": _DESCRIPTION,
            "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
        },
        "auth": {"type": "bearer", "bearer": [{"key": "token", "value": "{{token}}", "type": "string"}]},
        "variable": [{"key": name, "value": value} for name, value in _VARIABLES.items()],
        "item": [
            {"name": folder, "item": [_item(document, *operations[name]) for name in names]}
            for folder, names in _FOLDERS.items()
        ],
    }


def _operations(document: Json) -> dict[str, tuple[str, str, Json]]:
    """List the operations by their ids: method, path and what is said of them."""
    listed = [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    return {operation["operationId"]: (method, path, operation) for method, path, operation in listed}


def _item(document: Json, method: str, path: str, operation: Json) -> Json:
    """Make one request with its scripts."""
    request: Json = {"method": method, "description": operation["description"], "url": _url(path, operation)}
    if "security" not in operation:
        request["auth"] = {"type": "noauth"}
    # Where a body may be of several types, the first is as good as the others.
    for media_type, content in [*operation.get("requestBody", {}).get("content", {}).items()][:1]:
        request["header"] = [{"key": "Content-Type", "value": media_type}]
        schema = _resolved(document, content["schema"])
        # Of lines, one is enough.
        request["body"] = _body(media_type, _resolved(document, schema.get("items", schema)))
    return {"name": operation["operationId"], "request": request, "event": _scripts(document, operation)}


def _url(path: str, operation: Json) -> Json:
    """Make an address; a parameter that may be left out is there, switched off."""
    filled = path.replace("{", "{{").replace("}", "}}")
    query = [
        {
            "key": parameter["name"],
            "value": _SENT.get(parameter["name"], ""),
            "description": parameter.get("description", ""),
            "disabled": not parameter["required"],
        }
        for parameter in operation.get("parameters", [])
        if parameter["in"] == "query"
    ]
    sent = "&".join(f"{pair['key']}={pair['value']}" for pair in query if not pair["disabled"])
    return {
        "raw": "{{baseUrl}}" + filled + (f"?{sent}" if sent else ""),
        "host": ["{{baseUrl}}"],
        "path": filled.removeprefix("/").split("/"),
        **({"query": query} if query else {}),
    }


def _body(media_type: str, schema: Json) -> Json:
    members: Json = schema["properties"]
    if media_type in {"application/json", "application/jsonl"}:
        sent = {name: _SENT.get(name) or _example(member) for name, member in members.items()}
        # A line is one line.
        indent = 2 if media_type == "application/json" else None
        text = json.dumps({name: value for name, value in sent.items() if value is not None}, indent=indent)
        return {"mode": "raw", "raw": text, "options": {"raw": {"language": "json"}}}
    fields = [
        {
            "key": name,
            "value": _FORM.get(name) or _SENT.get(name, ""),
            "description": member.get("description", ""),
            "disabled": name not in _FORM,
        }
        for name, member in members.items()
    ]
    return {"mode": "urlencoded", "urlencoded": fields}


def _example(member: Json) -> object:
    """Find what a member may look like, None where nothing is said of that."""
    for described in (member, *member.get("anyOf", [])):
        for example in described.get("examples", []):
            return example
    return member.get("default")


def _scripts(document: Json, operation: Json) -> list[Json]:
    """Make what runs before a request, and after its answer: look at the status, take over what is needed later."""
    status = min(operation["responses"])
    answer = operation["responses"][status].get("content", {}).get("application/json", {}).get("schema", {})
    members = _resolved(document, answer).get("properties", {})
    after = [f'pm.test("answers {status}", () => pm.response.to.have.status({status}));']
    after += [
        f'pm.collectionVariables.set("{variable}", pm.response.json().{member});'
        for member, variable in _TAKEN_OVER.items()
        if member in members
    ]
    if operation["operationId"] == "listSessions":
        # The oldest, which is not the one that asks: one can do without it.
        after.append('pm.collectionVariables.set("sessionID", pm.response.json().slice(-1)[0].id);')
    signs_up = operation["operationId"] in {"signup", "signupByName"}
    return [*([_script("prerequest", [_NEW_ADDRESS])] if signs_up else []), _script("test", after)]


def _script(when: str, lines: list[str]) -> Json:
    return {"listen": when, "script": {"type": "text/javascript", "exec": lines}}


def _resolved(document: Json, schema: Json) -> Json:
    """Follow a reference to where the schema stands."""
    name = schema.get("$ref", "").rpartition("/")[2]
    found: Json = document["components"]["schemas"][name] if name else schema
    return found


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
