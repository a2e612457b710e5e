"""Lock files of environments and images, and the Makefile that creates them."""

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
    """Return the versions of each package in a lock: several where platforms or Python versions differ."""
    versions_: dict[str, set[str]] = {}
    text = (FOLDER / lock).read_text("utf-8")
    for name, version in re.findall(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", text, re.MULTILINE):
        versions_.setdefault(canonicalize_name(name), set()).add(version)
    return versions_


def test_environments_are_installed_from_locks_with_hashes() -> None:
    named = re.findall(r"requirements/([a-z]+\.lock)|\$\(VENV\w*\),([a-z]+\.lock)", MAKEFILE)
    assert {in_recipe or argument for in_recipe, argument in named} == set(LOCKS)
    installing = re.findall(r"pip (?:install|sync) .*", MAKEFILE)
    assert len(installing) > 5
    for command in installing:
        # Exceptions: the checkout itself, the newest versions, and torch, whose build depends on the machine.
        unlocked = "--editable" in command or "constraints.txt torch" in command
        assert unlocked or "--require-hashes" in command, command


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_has_hashes(lock: str) -> None:
    packages = re.findall(r"^[A-Za-z0-9].*(?:\n    .*)*", (FOLDER / lock).read_text("utf-8"), re.MULTILINE)
    assert len(packages) >= len(versions(lock)) > 0
    for package in packages:
        assert "--hash=sha256:" in package, package


def test_tests_run_on_the_versions_in_the_images() -> None:
    tested, shipped = versions("dev.lock"), versions("cpu.lock")
    assert {name: tested.get(name) for name in shipped} == shipped
    exported = versions("clip.lock")
    assert {name: exported[name] for name in exported.keys() & tested} == {
        name: tested[name] for name in exported.keys() & tested
    }
    assert not {"torch", "torchvision"} & exported.keys()


def test_each_lock_has_one_onnx_runtime() -> None:
    cpu, gpu = versions("cpu.lock").keys(), versions("gpu.lock").keys()
    assert cpu - gpu == {"onnxruntime"}
    assert gpu - cpu == {"onnxruntime-gpu"}
    # Both own the same files, and only the headless one works without libGL and X11, which images lack.
    assert "opencv-python" not in cpu
    assert "opencv-python-headless" in cpu


@pytest.mark.parametrize(
    ("lock", "extras"),
    [("cpu.lock", ["embedded"]), ("gpu.lock", ["embedded", "gpu"]), ("dev.lock", ["embedded", "dev"])],
)
def test_locks_satisfy_the_requirements_of_the_project(lock: str, extras: list[str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    requirements = [
        *project["dependencies"],
        *(line for extra in extras for line in project["optional-dependencies"][extra]),
    ]
    locked = versions(lock)
    replaced = {"opencv-python", "onnxruntime"} if "gpu" in extras else {"opencv-python"}
    for requirement in map(Requirement, requirements):
        name = canonicalize_name(requirement.name)
        if name not in replaced:
            hint = f"{requirement} is not in {lock}: run `make lock`"
            assert locked.get(name), hint
            assert all(requirement.specifier.contains(version) for version in locked[name]), hint


def test_only_listed_packages_are_left_out_of_locks() -> None:
    left_out = tomllib.loads((ROOT / "release" / "licences.toml").read_text("utf-8"))["left_out"]
    recipe = MAKEFILE.partition("PRODUCT = ")[2].partition("\n\n")[0]
    assert set(re.findall(r"--no-emit-package (\S+)", recipe)) == set(left_out)
