"""Digests of the base images, in ``docker/image-digests.env``.

Without options, checks that file: once it has digests, every image that the files in ``docker`` name must
have one there, looked up for the tag that they name. ``--look-up`` writes it, with ``docker buildx``, and
``--build-arguments`` prints the options of ``docker build`` for it.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

DOCKER = Path(__file__).parents[1] / "docker"

_FROM = re.compile(r"^FROM (\S+?)\$\{(\w+_DIGEST)\}", re.MULTILINE)
_ARGUMENT = re.compile(r'^ARG (\w+)="?([^"\s]*)"?$', re.MULTILINE)
_SERVICE = re.compile(r"^\s+image: (\S+?)\$\{(\w+_DIGEST):-\}$", re.MULTILINE)
_PINNED = re.compile(r"^# (\S+)\n(\w+)=(\S*)$", re.MULTILINE)
_HINT = "run `make image-digests` where a registry can be reached"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


class Digest(NamedTuple):
    """Digest of an image.

    Attributes:
        image: image with the tag that it was looked up for.
        value: digest with its ``@``.
    """

    image: str
    value: str


def base_images(folder: Path) -> dict[str, str]:
    """Return the images with their tags, by the variable of their digest; those of the build first."""
    dockerfile = (folder / "Dockerfile").read_text("utf-8")
    versions = dict(_ARGUMENT.findall(dockerfile))
    images = {}
    for name, variable in _FROM.findall(dockerfile):
        images[variable] = re.sub(r"\$\{(\w+)\}", lambda match: versions[match[1]], name)
    for file in sorted(folder.glob("compose*.yaml")):
        images |= {variable: name for name, variable in _SERVICE.findall(file.read_text("utf-8"))}
    return images


def read_digests(path: Path) -> dict[str, Digest]:
    """Return the digests of a file by variable."""
    found = _PINNED.findall(path.read_text("utf-8"))
    return {variable: Digest(image, value) for image, variable, value in found}


def problems(images: Mapping[str, str], digests: Mapping[str, Digest]) -> list[str]:
    """Return a line for each image without a valid digest of its tag, and for each digest of no image."""
    found = []
    for variable, image in images.items():
        digest = digests.get(variable)
        if digest is None or not _DIGEST.fullmatch(digest.value.removeprefix("@")):
            found.append(f"{variable}: {image} has no digest")
        elif not digest.value.startswith("@"):
            found.append(f"{variable}: the digest of {image} does not begin with @")
        elif digest.image != image:
            found.append(f"{variable}: the digest is that of {digest.image}, not of {image}")
    return found + [f"{variable}: no image has this digest" for variable in digests if variable not in images]


def look_up(image: str) -> str:
    """Ask the registry of an image for its digest.

    Raises:
        subprocess.CalledProcessError: it cannot be reached, or does not know the image.
        ValueError: the answer is not a digest.
    """
    command = ["docker", "buildx", "imagetools", "inspect", image, "--format", "{{.Manifest.Digest}}"]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    if not _DIGEST.fullmatch(answer):
        raise ValueError(f"docker answered {answer!r:.80} instead of a digest")
    return f"@{answer}"


def write_digests(images: Mapping[str, str], path: Path) -> int:
    """Look up all digests and write them; return the exit code. Nothing is written if one is missing."""
    lines = ["# Written by `make image-digests`."]
    for variable, image in images.items():
        try:
            lines += ["", f"# {image}", f"{variable}={look_up(image)}"]
        except (subprocess.CalledProcessError, ValueError, OSError) as error:
            print(f"cannot look up the digest of {image}: {error}; nothing was written", file=sys.stderr)
            return 1
    path.write_text("\n".join(lines) + "\n", "utf-8")
    print(f"{path}: {len(images)} digests")
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Check, write or print the digests; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=DOCKER, help="folder of the Dockerfile")
    parser.add_argument("--look-up", action="store_true", help="look up all digests and write them")
    parser.add_argument("--build-arguments", action="store_true", help="print options of docker build")
    given = parser.parse_args(arguments)
    images, path = base_images(given.folder), given.folder / "image-digests.env"
    if given.look_up:
        return write_digests(images, path)
    digests = read_digests(path)
    if not digests:
        print(f"no digests are filled in; {_HINT}", file=sys.stderr)
        return 0
    if found := problems(images, digests):
        print(
            "\n".join([*found, "run `make image-digests` where a registry can be reached"]), file=sys.stderr
        )
        return 1
    if given.build_arguments:
        names = {variable for _, variable in _FROM.findall((given.folder / "Dockerfile").read_text("utf-8"))}
        print(*(f"--build-arg {name}={digests[name].value}" for name in images if name in names))
    return 0


if __name__ == "__main__":
    sys.exit(main())
