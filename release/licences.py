"""The licences of everything in our images: read from what is installed, judged by ``licences.toml``.

Run, it writes them down: licences.py > licences.md
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
        name: of the package.
        version: in the lock.
        licence: SPDX expression, or what the package calls it.
    """

    name: str
    version: str
    licence: str


def policy() -> dict[str, Any]:
    """What ``licences.toml`` says."""
    return tomllib.loads((HERE / "licences.toml").read_text("utf-8"))


def locked() -> dict[str, str]:
    """Versions of all packages of the images."""
    found: dict[str, str] = {}
    for lock in IMAGES:
        for name, version in _PACKAGE.findall((LOCKS / lock).read_text("utf-8")):
            found.setdefault(name, version)
    return dict(sorted(found.items()))


def packages() -> Iterator[Licensed]:
    """Every package of the images with its licence."""
    rules = policy()
    for name, version in locked().items():
        yield Licensed(name, version, rules["packages"].get(name) or _told(name, rules["names"]))


def is_allowed(licence: str, allowed: list[str]) -> bool:
    """Whether an SPDX expression can be met by allowed licences alone."""
    return any(
        all(term.strip("() ") in allowed for term in choice.split(" AND "))
        for choice in licence.split(" OR ")
    )


def strict_files(name: str) -> list[str]:
    """Files of an installed package that ``licences.toml`` has to say something of."""
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return []
    return [str(path) for path in files if re.match(r"lib(x26[45]|avcodec|gfortran|Qt\dCore)", path.name)]


def _told(name: str, names: dict[str, str]) -> str:
    """What a package says of itself: an expression, else its classifiers, else one line of text."""
    try:
        said = distribution(name).metadata
    except PackageNotFoundError:
        return "not told"
    if said.get("License-Expression"):
        return str(said["License-Expression"])
    text = str(said.get("License") or "").strip()
    classifiers = [
        line.rpartition(" :: ")[2] for line in said.get_all("Classifier", []) if "License ::" in line
    ]
    if text and "\n" not in text and len(text) < 40 and text not in names and text.upper() != text.lower():
        candidate = text
    else:
        candidate = " OR ".join(names.get(one, one) for one in classifiers) or names.get(text, text)
    allowed = policy()["allowed"]
    if not is_allowed(candidate, allowed) and classifiers:
        candidate = " OR ".join(names.get(one, one) for one in classifiers)
    return candidate or "not told"


def main() -> int:
    """Write the list; the exit code says whether all of it is allowed."""
    rules = policy()
    found = list(packages())
    lines = [
        "# Licences of what images consist of",
        "",
        "| package | version | licence |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {one.name} | {one.version} | {one.licence} |" for one in found]
    lines += [
        "",
        "Inside of these, under terms of their own:",
        "",
        "| package | licence | what |",
        "| --- | --- | --- |",
    ]
    lines += [f"| {name} | {one['licence']} | {one['what']} |" for name, one in rules["bundled"].items()]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0 if all(is_allowed(one.licence, rules["allowed"]) for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
