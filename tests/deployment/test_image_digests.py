"""The digests of base images: looking them up, with a program in the place of docker, and checking them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from support.deployment_files import DOCKER, ROOT, read_dockerfile

SCRIPT = ROOT / "release" / "image_digests.py"
DIGEST = "sha256:" + "ab" * 32
IMAGES = 7


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a copy of the files that name images."""
    copy = tmp_path / "docker"
    copy.mkdir()
    for file in (DOCKER / "Dockerfile", DOCKER / "image-digests.env", *DOCKER.glob("compose*.yaml")):
        shutil.copy(file, copy)
    return copy


def run(
    folder: Path, *options: str, answer: str = f"echo {DIGEST}", script: Path = SCRIPT
) -> subprocess.CompletedProcess[str]:
    """Run the script with a program that answers as docker does."""
    programs = folder.parent / "programs"
    programs.mkdir(exist_ok=True)
    docker = programs / "docker"
    docker.write_text(f'#!/bin/sh\necho "$@" >>{programs}/asked\n{answer}\n')
    docker.chmod(0o755)
    command = [sys.executable, script, "--folder", folder, *options]
    environment = {"PATH": f"{programs}:{os.environ['PATH']}"}
    return subprocess.run(command, capture_output=True, text=True, env=environment, check=False)


def test_images_of_this_repository_are_pinned_or_none_is() -> None:
    done = subprocess.run([sys.executable, SCRIPT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_digests_are_looked_up_for_every_image(folder: Path) -> None:
    assert run(folder, "--look-up").returncode == 0
    asked = (folder.parent / "programs" / "asked").read_text().splitlines()
    images = [line.split()[3] for line in asked]
    bases = {stage.base for stage in read_dockerfile().stages.values()} - set(read_dockerfile().stages)
    assert bases <= set(images)
    services = [
        line.partition("image: ")[2].partition("$")[0]
        for file in folder.glob("compose*.yaml")
        for line in file.read_text().splitlines()
        if "image: " in line and "image: framecloak-" not in line
    ]
    assert sorted(images) == sorted([*bases, *services])
    assert len(images) == IMAGES
    done = run(folder, "--build-arguments")
    words = " ".join(f"--build-arg {name}_DIGEST=@{DIGEST}" for name in ("PYTHON", "CUDA"))
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{words}\n", "")


def test_an_image_without_a_digest_is_refused_once_digests_are_filled_in(folder: Path) -> None:
    (folder / "image-digests.env").write_text("")
    assert run(folder).returncode == 0
    run(folder, "--look-up")
    assert (run(folder).returncode, run(folder).stderr) == (0, "")
    path = folder / "image-digests.env"
    lines = path.read_text().splitlines()
    for kept in range(len(lines)):
        if "_DIGEST=" not in lines[kept]:
            continue
        path.write_text("\n".join(lines[:kept] + lines[kept + 1 :]))
        assert (run(folder).returncode, "has no digest" in run(folder).stderr) == (1, True)


@pytest.mark.parametrize("change", ["short digest", "without @", "tag", "unknown image"])
def test_digests_that_pin_nothing_are_refused(folder: Path, change: str) -> None:
    run(folder, "--look-up")
    path, compose = folder / "image-digests.env", folder / "compose.yaml"
    text = path.read_text()
    match change:
        case "short digest":
            path.write_text(text.replace(DIGEST, DIGEST[:-1], 1))
        case "without @":
            path.write_text(text.replace("@", "", 1))
        case "tag":
            compose.write_text(compose.read_text().replace("redis:7.2-bookworm", "redis:7.4-bookworm"))
        case "unknown image":
            path.write_text(f"{text}# old:1\nOLD_DIGEST=@{DIGEST}\n")
    assert run(folder).returncode == 1
    assert run(folder, "--build-arguments").stdout == ""


@pytest.mark.parametrize("answer", ["exit 1", "echo", "echo sha256:abc"])
def test_nothing_is_written_when_a_registry_cannot_be_asked(folder: Path, answer: str) -> None:
    done = run(folder, "--look-up", answer=answer)
    assert (done.returncode, "nothing was written" in done.stderr) == (1, True)
    assert DIGEST not in (folder / "image-digests.env").read_text()
