"""Correctness of the documents for contributors: paths and commands exist, and hooks download nothing."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from framecloak.domain.anonymization.model.output_format import OutputFormat
from support.deployment_files import ROOT, known_variables

DOCUMENTS = ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "docker/README.md", "clients/README.md")
MADE_BY_OPERATORS = ("docker/secrets", "docker/.env")
PATH = re.compile(r"`((?:src|tests|docker|release|clients|benchmarks|migrations|requirements)/[\w./-]*)`")
FILE = re.compile(r"`([A-Za-z_-]+\.(?:md|json|toml))`")
LINK = re.compile(r"\]\(((?!https?:)[^)#]+)")
TARGET = re.compile(r"`make ([a-z-]+)|^make ([a-z-]+)", re.MULTILINE)
EXTRA = re.compile(r"""(?:framecloak|['"]\.)\[([a-z,]+)\]|--extra ([a-z]+)""")
VARIABLE = re.compile(r"`([A-Z][A-Z_]{3,})`")


def text(name: str) -> str:
    return (ROOT / name).read_text("utf-8")


def targets() -> set[str]:
    return set(re.findall(r"^([a-z-]+):", text("Makefile"), re.MULTILINE))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_paths_and_links_exist(name: str) -> None:
    words = text(name)
    for path in [*PATH.findall(words), *(f for f in FILE.findall(words) if name == "CONTRIBUTING.md")]:
        assert (ROOT / path).exists() or path.startswith(MADE_BY_OPERATORS), path
    for link in LINK.findall(words):
        assert (ROOT / name).parent.joinpath(link).exists(), link


def test_contributing_refers_to_many_files() -> None:
    assert len(PATH.findall(text("CONTRIBUTING.md"))) > 25


@pytest.mark.parametrize("name", [*DOCUMENTS, ".ci/run"])
def test_named_make_targets_exist(name: str) -> None:
    named = {inline or in_block for inline, in_block in TARGET.findall(text(name))}
    assert named <= targets(), named - targets()


def test_variables_exist() -> None:
    assert set(VARIABLE.findall(text("SECURITY.md"))) <= set(known_variables())


def test_every_make_target_is_explained() -> None:
    makefile = text("Makefile")
    phony = set(re.findall(r"^\.PHONY: (.*)$", makefile, re.MULTILINE))
    assert phony == set(re.findall(r"^([a-z-]+):.*## \S", makefile, re.MULTILINE)) == targets()


def test_extras_exist() -> None:
    extras = set(tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"])
    named: dict[str, list[str]] = {}
    patterns = ("*.md", "Makefile", "docs/**/*.md", "docker/*", "release/*", "src/**/*.py")
    for path in (path for pattern in patterns for path in ROOT.glob(pattern) if path.is_file()):
        for installed, option in EXTRA.findall(path.read_text("utf-8")):
            for name in (installed or option).split(","):
                named.setdefault(name, []).append(str(path.relative_to(ROOT)))
    assert set(named) <= extras, {name: named[name] for name in named.keys() - extras}
    assert {"embedded", "gpu", "clip", "dev"} <= set(named)


def test_every_image_format_is_in_the_files_that_the_recipe_names() -> None:
    recipe = text("CONTRIBUTING.md").partition("## Add an output format")[2].partition("\n## ")[0]
    for path in (
        "src/domain/anonymization/results/manifest.schema.json",
        "src/entrypoints/http/controllers/reviews.py",
        "src/entrypoints/http/openapi.py",
        "src/entrypoints/http/web/order/output.js",
    ):
        assert f"`{path}`" in recipe
        words = text(path)
        for form in OutputFormat:
            # `jpg` is an alias of `jpeg`, and MP4 is not an image format.
            assert form in words or form in {OutputFormat.JPG, OutputFormat.JPEG, OutputFormat.MP4}, path


def test_names_in_contributing_are_defined_in_the_named_files() -> None:
    for name, path in (
        ("FaceDetector", "src/domain/ports/models.py"),
        ("choose_detector", "src/adapters/vision/detection/factory.py"),
        ("OutputFormat", "src/domain/anonymization/model/output_format.py"),
        ("problems", "src/entrypoints/http/openapi.py"),
        ("detector_is_installed", "src/adapters/vision/detection/factory.py"),
    ):
        assert re.search(rf"^(class|def) {name}\b", text(path), re.MULTILINE), name
        assert name in text("CONTRIBUTING.md")


def test_hooks_run_installed_tools() -> None:
    repos = yaml.safe_load(text(".pre-commit-config.yaml"))["repos"]
    assert [repo["repo"] for repo in repos] == ["local"]
    for hook in repos[0]["hooks"]:
        assert hook["language"] == "system"
        program = hook["entry"].split()[0]
        assert program.startswith(".venv/bin/")
        assert Path(sys.executable).with_name(Path(program).name).exists(), program


def test_the_changelog_has_sections_of_keep_a_changelog() -> None:
    words = text("CHANGELOG.md")
    assert "## [Unreleased]" in words
    allowed = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.*)$", words, re.MULTILINE)) <= allowed


def test_no_tracked_file_names_a_package_registry() -> None:
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    hosts = re.compile("|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", "registry" + r"\.npmjs")))
    for name in tracked.splitlines():
        path = ROOT / name
        if (
            path.suffix in {".lock", ".json", ".toml", ".txt", ".yaml", ".yml", ".md", ".in"}
            and path.is_file()
        ):
            assert not hosts.search(path.read_text("utf-8", "replace")), name
