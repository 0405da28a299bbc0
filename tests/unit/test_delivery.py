"""What Postkeep is delivered as: pinned packages, and a process that may do little (CASES.md, OP-11, OP-12)."""

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["requirements.txt", "requirements-dev.txt", "tests/e2e/generators/requirements.txt"])
def test_op_11_every_package_is_pinned_with_its_hashes(name: str) -> None:
    """What is installed tomorrow is what was tested today, byte for byte, wherever it comes from."""
    pins = re.split(r"^(?=\S)", (ROOT / name).read_text("utf-8").replace("\n    #", ""), flags=re.MULTILINE)
    packages = [pin for pin in pins if pin and not pin.startswith("#")]
    assert len(packages) > 20
    assert [
        pin for pin in packages if not re.match(r"[\w.\[\]-]+==\S+.* \\\n    --hash=sha256:[0-9a-f]{64}", pin)
    ] == []


def test_op_11_every_package_of_npm_is_pinned_with_its_hash() -> None:
    """The same for what the tests take from there; an address would be that of one machine's package index."""
    lock = json.loads((ROOT / "tests/e2e/generators/package-lock.json").read_text("utf-8"))
    _, *packages = lock["packages"].values()
    assert len(packages) > 20
    assert [package for package in packages if not package["integrity"].startswith("sha512-")] == []
    assert [package for package in packages if "resolved" in package] == []


def test_op_12_the_image_runs_as_nobody_special() -> None:
    """Its last stage is what is served; the user is a number, which Kubernetes can see not to be root."""
    served = (ROOT / "Dockerfile").read_text("utf-8").rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.+)$", served, re.MULTILINE) == ["10001:10001"]
    assert re.findall(r"^(?:ADD|RUN) .*", served, re.MULTILINE) == []


def described(compose: str, service: str) -> str:
    """Return what compose.yaml says of a service."""
    found: list[str] = re.findall(rf"^  {service}:\n((?:    .*\n|\n)+)", compose, re.MULTILINE)
    assert len(found) == 1
    return found[0]


def test_op_12_compose_lets_it_do_nothing_but_serve() -> None:
    """No capability, no way to more rights, and nothing to write to but a folder of its own."""
    compose = (ROOT / "compose.yaml").read_text("utf-8")
    common = compose.partition("\nservices:")[0]
    for line in ("read_only: true", "cap_drop: [ALL]", 'security_opt: ["no-new-privileges:true"]'):
        assert f"\n  {line}\n" in common
    for service in ("app", "migrate"):
        said = described(compose, service)
        assert "<<: *postkeep" in said
        assert re.findall(r"cap_add|user:|privileged|read_only: false", said) == []


def test_compose_has_what_is_brought_in_wait_on_the_disk() -> None:
    """A tmpfs is memory, of which the container has less than two imports may bring: the kernel would end it."""
    said = described((ROOT / "compose.yaml").read_text("utf-8"), "app")
    assert re.findall(r"^    tmpfs: (.+)$", said, re.MULTILINE) == ["[/tmp]"]
    assert re.findall(r"[\w-]+:/data", said) == ["incoming:/data"]


@pytest.mark.parametrize(
    "line",
    [
        "User=postkeep",
        "NoNewPrivileges=yes",
        "CapabilityBoundingSet=",
        "ProtectSystem=strict",
        "ProtectHome=yes",
        "PrivateDevices=yes",
        "UMask=0077",
        "StateDirectoryMode=0700",
    ],
)
def test_op_12_the_service_of_systemd_may_do_no_more(line: str) -> None:
    """One folder to write to, the network, and nothing else."""
    unit = (ROOT / "deploy/postkeep.service").read_text("utf-8").splitlines()
    assert line in unit
    assert [each for each in unit if each.startswith(line.partition("=")[0] + "=")] == [line]
    assert not [each for each in unit if each.startswith("ReadWritePaths")]
