"""Nothing comes into an image whose licence nobody has looked at."""

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


def test_every_package_of_an_image_has_a_licence_that_is_allowed(licences: ModuleType) -> None:
    allowed = licences.policy()["allowed"]
    found = list(licences.packages())
    assert len(found) > 60
    assert [one for one in found if not licences.is_allowed(one.licence, allowed)] == []


def test_whatever_asks_for_more_is_written_down(licences: ModuleType) -> None:
    bundled = licences.policy()["bundled"]
    for name in licences.locked():
        for file in licences.strict_files(name):
            assert name in bundled, file
    for name, one in bundled.items():
        files = licences.strict_files(name)
        assert any(fnmatch(file, one["files"]) for file in files), (
            f"{name} does not carry {one['files']} any more"
        )


def test_what_is_left_out_is_in_no_lock(licences: ModuleType) -> None:
    assert not set(licences.policy()["left_out"]) & set(licences.locked())


@pytest.mark.parametrize(
    ("licence", "verdict"),
    [
        ("MIT", True),
        ("MIT OR GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("AGPL-3.0-only", False),
        ("BSD-3-Clause AND (MIT)", True),
        ("not told", False),
    ],
)
def test_how_expressions_are_judged(licences: ModuleType, licence: str, *, verdict: bool) -> None:
    assert licences.is_allowed(licence, ["MIT", "BSD-3-Clause"]) is verdict


def test_the_project_is_under_a_licence_that_goes_with_all_of_them() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text("utf-8")
