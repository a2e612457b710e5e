"""The locks that environments and images are made of, and the Makefile that makes them."""

from __future__ import annotations

import re
import tomllib

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from support.deployment_files import ROOT

FOLDER = ROOT / "requirements"
LOCKS = sorted(path.name for path in FOLDER.glob("*.lock"))
MAKEFILE = (ROOT / "Makefile").read_text("utf-8").replace("\\\n", " ")


def versions(lock: str) -> dict[str, set[str]]:
    """Read what a lock names; more than one version of a package where platforms or Pythons differ."""
    found: dict[str, set[str]] = {}
    text = (FOLDER / lock).read_text("utf-8")
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", text, re.MULTILINE):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def test_environments_are_made_of_locks_with_hashes() -> None:
    named = re.findall(r"requirements/([a-z]+\.lock)|\$\(VENV\w*\),([a-z]+\.lock)", MAKEFILE)
    assert {one or other for one, other in named} == set(LOCKS)
    installing = re.findall(r"pip (?:install|sync) .*", MAKEFILE)
    assert len(installing) > 5
    for command in installing:
        # The checkout itself, what is to be the newest, and torch, whose build the machine decides.
        unlocked = "--editable" in command or "constraints.txt torch" in command
        assert unlocked or "--require-hashes" in command, command


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_hashes(lock: str) -> None:
    packages = re.findall(r"^[A-Za-z0-9].*(?:\n    .*)*", (FOLDER / lock).read_text("utf-8"), re.MULTILINE)
    assert len(packages) >= len(versions(lock)) > 0
    for package in packages:
        assert "--hash=sha256:" in package, package


def test_tests_run_on_what_images_have() -> None:
    tested, shipped = versions("dev.lock"), versions("cpu.lock")
    assert {name: tested.get(name) for name in shipped} == shipped
    exported = versions("clip.lock")
    assert {name: exported[name] for name in exported.keys() & tested} == {
        name: tested[name] for name in exported.keys() & tested
    }
    assert not {"torch", "torchvision"} & exported.keys()


def test_one_runtime_for_models_in_each_lock() -> None:
    cpu, gpu = versions("cpu.lock").keys(), versions("gpu.lock").keys()
    assert cpu - gpu == {"onnxruntime"}
    assert gpu - cpu == {"onnxruntime-gpu"}
    # Both own the same files, and only the headless one does without libGL and X11, which images lack.
    assert "opencv-python" not in cpu
    assert "opencv-python-headless" in cpu


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("cpu.lock", ["embedded"]), ("gpu.lock", ["embedded", "gpu"]), ("dev.lock", ["embedded", "dev"])],
)
def test_locks_have_what_the_project_asks_for(lock: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *(one for e in extras for one in project["optional-dependencies"][e])]
    locked = versions(lock)
    elsewhere = {"opencv-python", "onnxruntime"} if "gpu" in extras else {"opencv-python"}
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        if name not in elsewhere:
            hint = f"{requirement} is not in {lock}: run `make lock`"
            assert locked.get(name), hint
            assert all(requirement.specifier.contains(version) for version in locked[name]), hint


def test_only_what_licences_says_is_left_out_of_locks() -> None:
    left_out = tomllib.loads((ROOT / "release" / "licences.toml").read_text("utf-8"))["left_out"]
    recipe = MAKEFILE.partition("PRODUCT = ")[2].partition("\n\n")[0]
    assert set(re.findall(r"--no-emit-package (\S+)", recipe)) == set(left_out)
