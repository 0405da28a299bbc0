"""Render's blueprints: what they set starts Postkeep. Render itself needs an account, and its schema is not at hand."""

import base64
import re
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.databases import MariaDbServer
from tests.e2e.cli.commands import postkeep
from tests.e2e.clients import Person
from tests.e2e.servers import PostkeepServer

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Service:
    """A service of a blueprint, as far as Postkeep depends on it.

    Attributes:
        fields: Its single values: type, name, plan and so on.
        variables: What each variable is made of, by its name.
    """

    fields: dict[str, str]
    variables: dict[str, dict[str, str]]


def services_of(blueprint: str) -> dict[str, Service]:
    """Read the little YAML that the blueprints are written in."""
    found: dict[str, Service] = {}
    for text in re.split(r"^  - ", (ROOT / blueprint).read_text("utf-8"), flags=re.MULTILINE)[1:]:
        fields = dict(re.findall(r"^(?:    )?(\w+): (.+)$", text, re.MULTILINE))
        entries = re.findall(r"^      - key: (\w+)\n((?: {8,}.+\n)+)", text, re.MULTILINE)
        assert len(entries) == text.count("- key:")
        variables = {key: dict(re.findall(r"^ +(\w+): \"?([^\"\n]+)\"?$", body, re.MULTILINE)) for key, body in entries}
        found[fields["name"]] = Service(fields, variables)
    return found


def values_of(services: dict[str, Service], name: str, given: dict[str, str]) -> dict[str, str]:
    """Return a service's variables as Render fills them in.

    Args:
        services: All of the blueprint.
        name: Which one is meant.
        given: What only Render knows: `host` of the other service, and variables of it that are something else here.
    """
    values: dict[str, str] = {}
    for key, made in services[name].variables.items():
        if "generateValue" in made:
            values[key] = base64.b64encode(secrets.token_bytes(32)).decode()
        elif "property" in made:
            values[key] = given[made["property"]]
        elif "envVarKey" in made:
            assert made["type"] == services[made["name"]].fields["type"]
            assert made["envVarKey"] in services[made["name"]].variables
            values[key] = given[made["envVarKey"]]
        else:
            values[key] = made["value"]
    return values


def serves(server: PostkeepServer, service: Service) -> None:
    """See that it is told to listen on all addresses, is healthy where Render looks, and keeps a post."""
    assert service.fields["healthCheckPath"] == "/readyz"
    assert server.settings["POSTKEEP_HOST"] == "0.0.0.0"  # noqa: S104 - Render's own network is in front
    with server.running():
        assert server.http.get(service.fields["healthCheckPath"]).status_code == 200
        person = Person.signs_up(server.http)
        person.add("kept")
        assert person.texts() == ["kept"]


def test_the_blueprint_with_mysql_starts_postkeep(mariadb: MariaDbServer, tmp_path: Path) -> None:
    """Its variables make a database, with a password as Render generates them; the schema comes before the start."""
    services = services_of("render.yaml")
    assert set(services) == {"postkeep", "postkeep-mysql"}
    password = f"{base64.b64encode(secrets.token_bytes(31)).decode()}/+="
    with mariadb.database() as url:
        user = f"u{str(url.database)[-12:]}"
        mariadb.run(f"CREATE USER {user} IDENTIFIED BY '{password}'", f"GRANT ALL ON {url.database}.* TO {user}")
        given = {
            "host": "127.0.0.1",
            "MYSQL_USER": user,
            "MYSQL_PASSWORD": password,
            "MYSQL_DATABASE": str(url.database),
        }
        try:
            settings = values_of(services, "postkeep", given)
            settings["POSTKEEP_DATABASE_PORT"] = str(url.port)
            program, *before = shlex.split(services["postkeep"].fields["preDeployCommand"])
            assert (program, postkeep(*before, settings=settings, folder=tmp_path).code) == ("postkeep", 0)
            assert services["postkeep"].fields["dockerCommand"] == "postkeep serve"
            serves(PostkeepServer(tmp_path, settings, options=("--host", "127.0.0.1")), services["postkeep"])
        finally:
            mariadb.run(f"DROP USER {user}")


def test_the_blueprint_with_a_disk_starts_postkeep(tmp_path: Path) -> None:
    """Everything lies below the disk's mount, or it would be gone with the next deploy."""
    (service,) = services_of("deploy/render-embedded.yaml").values()
    settings = values_of({"postkeep": service}, "postkeep", {})
    mount = re.search(r"mountPath: (.+)", (ROOT / "deploy/render-embedded.yaml").read_text("utf-8"))
    assert mount is not None
    assert settings["POSTKEEP_DATA_DIR"].startswith(f"{mount[1]}/")
    settings["POSTKEEP_DATA_DIR"] = str(tmp_path / "disk/data")
    assert service.fields["startCommand"] == "postkeep serve"
    serves(PostkeepServer(tmp_path, settings, options=("--host", "127.0.0.1")), service)


@pytest.mark.parametrize("blueprint", ["render.yaml", "deploy/render-embedded.yaml"])
def test_the_blueprints_leave_the_port_to_render(blueprint: str) -> None:
    """Render says PORT, and looks for the server there; a port of ours would win over it."""
    service = services_of(blueprint)["postkeep"]
    assert {"PORT", "POSTKEEP_PORT"} & service.variables.keys() == set()
    assert "--port" not in f"{service.fields}"
