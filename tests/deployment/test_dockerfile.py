"""The Dockerfile, checked without building images."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from framecloak.entrypoints.cli.main import framecloak
from support.deployment_files import DOCKER, ROOT, Dockerfile, known_variables, read_dockerfile

TARGETS = ("api", "worker", "worker-gpu", "clip-service", "framecloak")
BUILDERS = ("builder", "wheel", "packages-cpu", "packages-gpu", "models")


@pytest.fixture(scope="module")
def dockerfile() -> Dockerfile:
    return read_dockerfile()


def require_command(words: list[str]) -> click.Command:
    """Return the command that the words call, after parsing its arguments."""
    context = click.Context(framecloak)
    command: click.Command = framecloak
    while isinstance(command, click.Group):
        name, subcommand, words = command.resolve_command(context, words)
        assert subcommand is not None, words
        context, command = click.Context(subcommand, info_name=name, parent=context), subcommand
    command.make_context(command.name, list(words))
    return command


def test_hadolint_reports_no_problem() -> None:
    linter = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([linter, DOCKER / "Dockerfile"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_a_build_without_options_finds_the_dockerfile() -> None:
    """`docker build -t face-reid-service .`, as the documentation of the earlier face service says."""
    assert (ROOT / "Dockerfile").is_symlink()
    assert (ROOT / "Dockerfile").resolve() == (DOCKER / "Dockerfile").resolve()


def test_the_last_stage_listens_where_the_earlier_face_service_did(dockerfile: Dockerfile) -> None:
    exposed = [words for instruction, words in dockerfile.steps("framecloak") if instruction == "EXPOSE"]
    assert exposed == ["8000"]


def test_the_last_stage_is_the_whole_service(dockerfile: Dockerfile) -> None:
    assert set(TARGETS) <= set(dockerfile.stages)
    assert next(reversed(dockerfile.stages)) == "framecloak"
    assert dockerfile.words("framecloak", "CMD") == ["serve"]


@pytest.mark.parametrize("target", TARGETS)
def test_every_image_runs_an_existing_command_as_an_unprivileged_user(
    dockerfile: Dockerfile, target: str
) -> None:
    assert dockerfile.words(target, "ENTRYPOINT") == ["framecloak"]
    require_command(dockerfile.words(target, "CMD"))
    program, *check = dockerfile.words(target, "HEALTHCHECK")
    assert program == "framecloak"
    require_command(check)
    user = [words for instruction, words in dockerfile.steps(target) if instruction == "USER"][-1]
    assert int(user.partition(":")[0]) >= 10_000


@pytest.mark.parametrize("target", TARGETS)
def test_every_variable_is_a_setting_of_the_program(dockerfile: Dockerfile, target: str) -> None:
    environment = dockerfile.environment(target)
    assert environment["HOST"] == "0.0.0.0"
    known = known_variables()
    python = {"PATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}
    for name in environment.keys() - python:
        known[name].parse(environment[name])
        assert not known[name].secret


def test_exposed_ports_are_the_default_ports(dockerfile: Dockerfile) -> None:
    known = known_variables()
    exposed = {
        target: [words for i, words in dockerfile.steps(target) if i == "EXPOSE"] for target in TARGETS
    }
    assert exposed["api"] == exposed["framecloak"] == [known["PORT"].default]
    assert exposed["clip-service"] == [known["CLIP_SERVICE_PORT"].default]
    for target in ("worker", "worker-gpu"):
        assert exposed[target] == [dockerfile.environment(target)["WORKER_METRICS_PORT"]]


@pytest.mark.parametrize("target", TARGETS)
def test_images_contain_no_build_tools(dockerfile: Dockerfile, target: str) -> None:
    assert not {stage.name for stage in dockerfile.lineage(target)} & set(BUILDERS)
    for instruction, words in dockerfile.steps(target):
        if instruction == "RUN":
            assert not re.search(r"\b(pip3?|uv) (-\S+ )*(install|wheel)\b", words), words
            assert not re.search(r"gcc|g\+\+|build-essential|-dev\b|\bcurl\b|\bwget\b|\bgit\b", words), words
            assert "apt-get install" not in words or "--no-install-recommends" in words
    assert "uninstall --yes setuptools wheel pip" in str(dockerfile.stages["runtime-cpu"].steps)


def test_base_images_have_a_version_and_a_variable_for_a_digest(dockerfile: Dockerfile) -> None:
    bases = {stage.base for stage in dockerfile.stages.values()} - set(dockerfile.stages)
    assert sorted(bases) == sorted(
        {"python:3.11.14-slim-bookworm", "nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04"}
    )
    text = (DOCKER / "Dockerfile").read_text("utf-8")
    assert re.findall(r"^FROM .*:.*\$\{(\w+_DIGEST)\} AS", text, re.MULTILINE) == [
        "PYTHON_DIGEST",
        "CUDA_DIGEST",
    ]
    supported = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["classifiers"]
    assert "Programming Language :: Python :: 3.11" in supported


def test_copied_files_exist_and_are_in_the_build_context(dockerfile: Dockerfile) -> None:
    allowed = {
        line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")
    }
    for stage in dockerfile.stages.values():
        for words in stage.all("COPY"):
            if words.startswith("--from="):
                assert words.removeprefix("--from=").split()[0] in dockerfile.stages
                continue
            for source in shlex.split(words)[:-1]:
                assert (ROOT / source).exists(), source
                assert source in allowed or any(Path(source).match(pattern) for pattern in allowed), source
    for pattern in allowed:
        assert list(ROOT.glob(pattern)), pattern


def test_packages_come_from_locks_with_hashes(dockerfile: Dockerfile) -> None:
    for name in BUILDERS:
        for words in dockerfile.stages[name].all("RUN"):
            for lock in re.findall(r"requirements/\S+", words):
                assert "--require-hashes" in words
                assert (ROOT / lock).is_file()


def test_commands_of_the_build_exist(dockerfile: Dockerfile) -> None:
    runs = [words for stage in dockerfile.stages.values() for words in stage.all("RUN")]
    called = [words for run in runs for words in re.findall(r"(?:^|bin/)framecloak ([^&]*)", run)]
    assert len(called) >= 3
    for words in called:
        require_command(shlex.split(words))
