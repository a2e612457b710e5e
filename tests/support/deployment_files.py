"""Parsed deployment files: Dockerfile, compose files and Kubernetes manifests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from framecloak.entrypoints.settings import variables
from framecloak.entrypoints.settings.variables import Variable

ROOT = Path(__file__).parents[2]
DOCKER = ROOT / "docker"

_WORDS = re.compile(r'"([^"]*)"')


@dataclass
class Stage:
    """One stage of the Dockerfile.

    Attributes:
        name: stage name.
        base: an image or an earlier stage.
        steps: instructions with their arguments, in order; continuation lines are joined.
    """

    name: str
    base: str
    steps: list[tuple[str, str]] = field(default_factory=list)

    def all(self, instruction: str) -> list[str]:
        """Return the arguments of every instruction of a kind."""
        return [arguments for found, arguments in self.steps if found == instruction]


@dataclass
class Dockerfile:
    """The Dockerfile."""

    stages: dict[str, Stage]

    def lineage(self, name: str) -> Iterator[Stage]:
        """Yield a stage and the stages that it is built from."""
        while name in self.stages:
            yield self.stages[name]
            name = self.stages[name].base

    def steps(self, name: str) -> list[tuple[str, str]]:
        """Return all instructions of a stage and of the stages that it is built from, in order."""
        return [step for stage in reversed(list(self.lineage(name))) for step in stage.steps]

    def environment(self, name: str) -> dict[str, str]:
        """Return the environment variables of an image."""
        found: dict[str, str] = {}
        for instruction, arguments in self.steps(name):
            if instruction == "ENV":
                found |= dict(pair.split("=", 1) for pair in arguments.split())
        return found

    def words(self, name: str, instruction: str) -> list[str]:
        """Return the words of the last instruction of a kind, which must be in exec form."""
        arguments = [words for found, words in self.steps(name) if found == instruction][-1]
        return _WORDS.findall(arguments)


def read_dockerfile() -> Dockerfile:
    text = re.sub(r"^\s*#.*\n", "", (DOCKER / "Dockerfile").read_text("utf-8"), flags=re.MULTILINE)
    lines = re.sub(r"\s*\\\n\s*", " ", text).splitlines()
    arguments: dict[str, str] = {}
    stages: dict[str, Stage] = {}
    for line in filter(None, lines):
        instruction, _, rest = line.partition(" ")
        if instruction == "FROM":
            base, _, name = rest.partition(" AS ")
            for argument, value in arguments.items():
                base = base.replace(f"${{{argument}}}", value)
            stages[name] = Stage(name, base)
        elif stages:
            next(reversed(stages.values())).steps.append((instruction, rest.strip()))
        else:
            argument, _, value = rest.partition("=")
            arguments[argument] = value.strip('"')
    return Dockerfile(stages)


def known_variables() -> dict[str, Variable]:
    """Return every variable that the program reads, by name; secrets also by their ``_FILE`` name."""
    by_name = {described.name: described for _, described in variables()}
    return by_name | {f"{name}_FILE": variable for name, variable in by_name.items() if variable.secret}


def read_compose(*names: str) -> dict[str, Any]:
    """Read compose files and merge them as Compose does: mappings deeply, everything else replaced."""
    merged: dict[str, Any] = {}
    for name in names:
        merged = _merge(merged, yaml.safe_load((DOCKER / name).read_text("utf-8")))
    return merged


def _merge(below: Any, above: Any) -> Any:  # noqa: ANN401 - any YAML value
    if isinstance(below, dict) and isinstance(above, dict):
        return {key: _merge(below.get(key), above.get(key, below.get(key))) for key in below | above}
    return above


def read_kubernetes() -> list[dict[str, Any]]:
    """Read every object of the example except Kustomize's own."""
    return [
        found
        for path in sorted((DOCKER / "kubernetes").glob("*.yaml"))
        if path.name != "kustomization.yaml"
        for found in yaml.safe_load_all(path.read_text("utf-8"))
    ]
