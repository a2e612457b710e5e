"""Published advisories from a file in the format of OSV, for machines that reach no advisory service."""

from __future__ import annotations

import json
import re
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


class Advisories(NamedTuple):
    """Advisories on packages of PyPI.

    Attributes:
        affected: advisories and their affected packages, by normalised name.
        newest: time of the newest change among them, ISO 8601.
    """

    affected: dict[str, list[tuple[str, dict[str, Any]]]]
    newest: str

    def about(self, lock: Path) -> list[str]:
        """Return a line for each advisory about a package of a lock, whatever platform it is for.

        Raises:
            ValueError: the file pins no package.
        """
        pins = sorted(set(_PIN.findall(lock.read_text("utf-8"))))
        if not pins:
            raise ValueError(f"{lock.name} pins no package")
        return [
            f"{name} {version}: {identifier}, fixed in {', '.join(_fixes(entry)) or 'no version'}"
            for name, version in pins
            for identifier, entry in self.affected.get(canonicalize_name(name), ())
            if _concerns(entry, Version(version))
        ]


def read_advisories(path: Path) -> Advisories:
    """Read advisories from an archive of OSV, such as its ``PyPI/all.zip``, or a folder of its JSON files.

    Raises:
        ValueError: there are no advisories on packages of PyPI.
        OSError: the file cannot be read.
    """
    affected = defaultdict[str, list[tuple[str, dict[str, Any]]]](list)
    newest = ""
    for record in _records(path):
        if "withdrawn" in record:
            continue
        newest = max(newest, record.get("modified", ""))
        for entry in record.get("affected", ()):
            package = entry.get("package", {})
            if package.get("ecosystem") == "PyPI":
                affected[canonicalize_name(package["name"])].append((record["id"], entry))
    if not affected:
        raise ValueError(f"{path} has no advisories on packages of PyPI")
    return Advisories(dict(affected), newest)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    if path.is_dir():
        for file in sorted(path.glob("*.json")):
            yield json.loads(file.read_bytes())
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                yield json.loads(archive.read(name))


def _concerns(entry: dict[str, Any], version: Version) -> bool:
    """Return whether an advisory concerns a version: it lists it, or has it in a range."""
    if any(_version(listed) == version for listed in entry.get("versions", ())):
        return True
    return any(
        _is_within(one.get("events", ()), version)
        for one in entry.get("ranges", ())
        if one.get("type") == "ECOSYSTEM"
    )


def _is_within(events: list[dict[str, str]], version: Version) -> bool:
    """Return whether a version is in a range; events are in order of their versions."""
    inside = False
    for event in events:
        if "introduced" in event:
            inside |= event["introduced"] == "0" or version >= Version(event["introduced"])
        elif "fixed" in event:
            inside &= version < Version(event["fixed"])
        elif "last_affected" in event:
            inside &= version <= Version(event["last_affected"])
    return inside


def _fixes(entry: dict[str, Any]) -> list[str]:
    events = (event for one in entry.get("ranges", ()) for event in one.get("events", ()))
    return sorted({event["fixed"] for event in events if "fixed" in event and _version(event["fixed"])})


def _version(text: str) -> Version | None:
    """Return a version; None for a revision of Git, or a version that no package can have."""
    try:
        return Version(text)
    except InvalidVersion:
        return None
