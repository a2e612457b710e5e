"""Licences of all packages in our images, as installed, checked against ``licences.toml``.

As a program, it prints the list: licences.py > licences.md
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LOCKS = HERE.parent / "requirements"
IMAGES = ("cpu.lock", "gpu.lock")

_PACKAGE = re.compile(r"^([A-Za-z0-9_.-]+)==([^ ;\\]+)", re.MULTILINE)


@dataclass(frozen=True)
class Licensed:
    """A package of an image.

    Attributes:
        name: name of the package.
        version: locked version.
        licence: SPDX expression, or the package's own wording.
    """

    name: str
    version: str
    licence: str


def policy() -> dict[str, Any]:
    """Read ``licences.toml``."""
    return tomllib.loads((HERE / "licences.toml").read_text("utf-8"))


def locked() -> dict[str, str]:
    """Return the versions of all packages of the images."""
    found: dict[str, str] = {}
    for lock in IMAGES:
        for name, version in _PACKAGE.findall((LOCKS / lock).read_text("utf-8")):
            found.setdefault(name, version)
    return dict(sorted(found.items()))


def packages() -> Iterator[Licensed]:
    """Yield every package of the images with its licence."""
    rules = policy()
    for name, version in locked().items():
        yield Licensed(name, version, rules["packages"].get(name) or _told(name, rules["names"]))


def is_allowed(licence: str, allowed: list[str]) -> bool:
    """Return whether allowed licences alone can satisfy an SPDX expression."""
    return any(
        all(term.strip("() ") in allowed for term in choice.split(" AND "))
        for choice in licence.split(" OR ")
    )


def strict_files(name: str) -> list[str]:
    """Return the files of an installed package that ``licences.toml`` must mention."""
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return []
    return [
        str(path)
        for path in files
        if re.match(r"lib(x26[45]|avcodec|de265|heif|gfortran|gomp|Qt\dCore)", path.name)
    ]


def _told(name: str, names: dict[str, str]) -> str:
    """Return a package's own statement: an expression, else its classifiers, else one line of text."""
    try:
        metadata = distribution(name).metadata
    except PackageNotFoundError:
        return "not told"
    if metadata.get("License-Expression"):
        return str(metadata["License-Expression"])
    text = str(metadata.get("License") or "").strip()
    classifiers = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", []) if "License ::" in line
    ]
    if text and "\n" not in text and len(text) < 40 and text not in names and text.upper() != text.lower():
        candidate = text
    else:
        candidate = " OR ".join(names.get(classifier, classifier) for classifier in classifiers) or names.get(
            text, text
        )
    allowed = policy()["allowed"]
    if not is_allowed(candidate, allowed) and classifiers:
        candidate = " OR ".join(names.get(classifier, classifier) for classifier in classifiers)
    return candidate or "not told"


def main() -> int:
    """Print the list; the exit code reports whether all of it is allowed."""
    rules = policy()
    found = list(packages())
    lines = [
        "# Licences of what images consist of",
        "",
        "| package | version | licence |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {package.name} | {package.version} | {package.licence} |" for package in found]
    lines += [
        "",
        "Inside of these, under terms of their own:",
        "",
        "| package | licence | what |",
        "| --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {package['licence']} | {package['what']} |" for name, package in rules["bundled"].items()
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(is_allowed(package.licence, rules["allowed"]) for package in found) else 1


if __name__ == "__main__":
    sys.exit(main())
