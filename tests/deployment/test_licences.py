"""Licences of all packages in the images have been reviewed."""

from __future__ import annotations

import sys
from fnmatch import fnmatch
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType

import pytest

from support.deployment_files import ROOT


@pytest.fixture(scope="module")
def licences() -> ModuleType:
    spec = spec_from_file_location("licences", ROOT / "release" / "licences.py")
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_every_package_of_an_image_has_an_allowed_licence(licences: ModuleType) -> None:
    allowed = licences.policy()["allowed"]
    packages = list(licences.packages())
    assert len(packages) > 60
    assert [package for package in packages if not licences.is_allowed(package.licence, allowed)] == []


def test_packages_with_stricter_bundled_licences_are_listed(licences: ModuleType) -> None:
    bundled = licences.policy()["bundled"]
    for name in licences.locked():
        for file in licences.strict_files(name):
            assert name in bundled, file
    absent = []
    for name, entry in bundled.items():
        files = licences.strict_files(name)
        if "machine" in entry and not files:
            absent.append(name)
            continue
        assert any(fnmatch(file, entry["files"]) for file in files), (
            f"{name} does not carry {entry['files']} any more"
        )
    if absent:
        pytest.skip(f"not installed on this machine: {', '.join(absent)}")


def test_excluded_packages_are_in_no_lock(licences: ModuleType) -> None:
    assert not set(licences.policy()["left_out"]) & set(licences.locked())


@pytest.mark.parametrize(
    ("licence", "allowed"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("BSD-3-Clause AND (MIT)", True),
        ("not stated", False),
    ],
)
def test_licence_expressions_are_evaluated(licences: ModuleType, licence: str, *, allowed: bool) -> None:
    assert licences.is_allowed(licence, ["MIT", "BSD-3-Clause"]) is allowed


def test_the_project_is_under_a_compatible_licence() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
