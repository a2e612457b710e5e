"""Runs every command of the documentation, page by page: `make test-docs`.

Each page becomes one shell script in a folder of its own. The services that it starts are real and end
with it. Commands that cannot run here go to fake programs, which check their arguments
(``fake_commands.py``).
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from framecloak.adapters.embedded.wheels import postgres_programs
from support.documented import (
    ADDRESS,
    CANNOT_RUN,
    FAKED_PROGRAMS,
    PAGES,
    ROOT,
    blocks,
    commands,
    program,
    read,
    script,
)
from support.patience import patience
from support.samples import clip_models
from support.samples.images import GROUP_BOXES, group_photo
from support.samples.media import write_video

CLIENTS = ROOT / "out" / "clients"
FAKE_COMMANDS = ROOT / "tests" / "support" / "processes" / "fake_commands.py"
PAGE_TIMEOUT_SECONDS = 280
FRAMES = 30
SIZE = (640, 360)

ON_SERVERS = {
    "docs/operations/installing.md": ("Roles on servers of your own", "empty_database_url"),
    "docs/operations/backup.md": ("Servers of your own", "operated_database_url"),
    "docs/operations/upgrading.md": ("Downgrading", "operated_database_url"),
}
"""Section that needs a Postgres and a Redis, and the fixture of that Postgres, by page."""

BEFORE = {
    "docs/operations/backup.md": "echo 'correct horse battery' |"
    " framecloak users create admin --admin --password-stdin --data-dir data > /dev/null",
}
"""Commands that a page takes for granted, by page."""

WITH_COMMANDS = [page for page in PAGES if any(block.language == "console" for block in blocks(page))]


FACE_IMAGES = (
    ("ada.jpg", 2, 0),
    ("who.jpg", 2, 3),
    ("staff/ada.jpg", 2, 5),
    ("withdrawn/bob.jpg", 3, 0),
    ("photos/first.jpg", 4, 0),
    ("photos/second.jpg", 5, 0),
)
"""Images of one person: path, index of the face in the photograph, and offset in pixels."""


def _moving_crop(photograph: NDArray[np.uint8], number: int) -> NDArray[np.uint8]:
    """Return a frame of a camera that moves over the photograph."""
    left, width = number * 8, photograph.shape[1] - 400
    view = photograph[number : number + width * SIZE[1] // SIZE[0], left : left + width]
    return np.asarray(cv2.resize(view, SIZE, interpolation=cv2.INTER_AREA), np.uint8)


@pytest.fixture(scope="session")
def page_files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the files that pages use: a video with faces, images, and folders of the repository."""
    folder = tmp_path_factory.mktemp("page-files")
    group = group_photo()[:, :, ::-1]
    write_video(folder / "film.mp4", size=SIZE, images=map(partial(_moving_crop, group), range(FRAMES)))
    for path, face, shift in FACE_IMAGES:
        (folder / path).parent.mkdir(exist_ok=True)
        x1, y1, x2, y2 = GROUP_BOXES[face].astype(int) + shift
        part = group[max(0, y1 - 90) : y2 + 90, max(0, x1 - 90) : x2 + 90]
        cv2.imwrite(str(folder / path), part)
    shutil.copytree(ROOT / "docker", folder / "docker", ignore=shutil.ignore_patterns("secrets"))
    shutil.copytree(ROOT / "examples", folder / "examples")
    return folder


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the fake programs as commands."""
    folder = tmp_path_factory.mktemp("programs")
    for name in (*FAKED_PROGRAMS, "stand-in"):
        path = folder / name
        path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{FAKE_COMMANDS}" {name} "$@"\n')
        path.chmod(0o755)
    return folder


@pytest.fixture
def environment(tmp_path: Path, programs: Path) -> dict[str, str]:
    # Variables that `make test-docs` has set must not reach the make of a page.
    internal = ("FRAMECLOAK", "MAKE", "MF")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(internal)}
    folders = [programs, Path(sys.executable).parent, postgres_programs(None)]
    return kept | {
        "PATH": ":".join([*map(str, folders), os.environ["PATH"]]),
        "PYTHONPATH": f"{ROOT}/namespace:{ROOT}/tests",
        "DATA_DIR": str(tmp_path / "service"),
        "PORT": str(free_port()),
        "CLIP_SERVICE_PORT": str(free_port()),
        "HOST": "127.0.0.1",
        "LOG_LEVEL": "warning",
    }


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def run_script(text: str, folder: Path, environment: dict[str, str]) -> None:
    """Run a script, and fail with the end of its output."""
    text = text.replace(ADDRESS, f"http://127.0.0.1:{environment['PORT']}")
    (folder / "page.sh").write_text(text)
    with (folder / "page.log").open("w+") as log:
        process = subprocess.Popen(
            ["/bin/bash", folder / "page.sh"],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            code = process.wait(patience(PAGE_TIMEOUT_SECONDS))
        except subprocess.TimeoutExpired:
            # On this signal services stop the processes that they have started.
            os.killpg(process.pid, signal.SIGTERM)
            code = process.wait()
        log.seek(0)
        assert code == 0, log.read()[-6000:]


@pytest.fixture
def folder(tmp_path: Path, page_files: Path) -> Path:
    return shutil.copytree(page_files, tmp_path / "page")


@pytest.mark.parametrize("page", WITH_COMMANDS)
def test_every_command_of_a_page_runs(
    page: str, folder: Path, environment: dict[str, str], request: pytest.FixtureRequest
) -> None:
    servers, heading = {}, None
    if page in ON_SERVERS:
        heading, fixture = ON_SERVERS[page]
        servers = {
            "DATABASE_URL": request.getfixturevalue(fixture),
            "REDIS_URL": request.getfixturevalue("redis_url"),
        }
    if page == "docs/reference/models.md":
        environment["MODEL_PATH"] = str(folder / "models")
        clip_models.write_clip(folder / "models")
    text = script(page, servers, heading, BEFORE.get(page, ""))
    if program(page, "python") and page != "docs/guides/clients.md":
        (folder / "program.py").write_text(program(page, "python"))
        text += "\npython program.py\n"
    if page == "docs/guides/clients.md":
        text += "\n".join(["", *clients(page, folder, environment)])
    run_script(text, folder, environment)


def clients(page: str, folder: Path, environment: dict[str, str]) -> Iterator[str]:
    """Yield commands that run the page's programs with the generated clients while the service runs."""
    address = f"http://127.0.0.1:{environment['PORT']}"
    (folder / "program.py").write_text(program(page, "python").replace(ADDRESS, address))
    yield f'PYTHONPATH="{CLIENTS}/python" "{ROOT}/.venv-release/bin/python" program.py'
    (folder / "example.ts").write_text(program(page, "typescript").replace(ADDRESS, address))
    (folder / "package.json").write_text('{"type": "module"}')
    for path in (ROOT / "clients" / "tsconfig.json", CLIENTS / "typescript" / "framecloak.d.ts"):
        shutil.copy(path, folder)
    (folder / "node_modules").symlink_to(ROOT / "clients" / "node_modules")
    yield "node_modules/.bin/tsc --project ."
    yield "node generated/example.js"
    yield "python3 -m zipfile --test frames.zip"
    yield "python3 -m zipfile --test typescript.zip"


def test_commands_that_are_not_run_are_still_documented() -> None:
    documented = [line for page in PAGES for block in blocks(page) for line in commands(block.text)]
    assert set(documented) >= CANNOT_RUN
    for name in FAKED_PROGRAMS:
        assert any(line.split()[0] == name for line in documented), name
    for page, (heading, _) in ON_SERVERS.items():
        assert any(block.heading == heading for block in blocks(page)), page
    assert set(BEFORE) <= set(WITH_COMMANDS)


def test_a_wrong_command_is_noticed(tmp_path: Path, environment: dict[str, str]) -> None:
    for wrong in (
        "make no-such-target",
        "docker build --file docker/Dockerfile --target nobody .",
        "docker compose --file docker/compose.yaml exec nobody framecloak settings",
        "docker compose --file docker/compose.yaml exec api framecloak no-such-command",
        "kubectl apply --kustomize docker/elsewhere",
        "pip install 'framecloak[everything]'",
        "framecloak settings --nonsense",
        "false | cat",
    ):
        with pytest.raises(AssertionError):
            run_script(f"set -euo pipefail\n{wrong}\n", tmp_path, environment)


def test_the_site_has_every_page() -> None:
    named = yaml.safe_dump(yaml.safe_load(read("mkdocs.yml"))["nav"])
    for page in PAGES:
        if page.startswith("docs/"):
            assert page.removeprefix("docs/") in named, page


def test_no_documented_command_has_a_file_as_an_argument() -> None:
    # A photo is longer than what a shell may pass to a program ("Argument list too long").
    found = [page for page in PAGES if re.search(r"\$\((base64|cat) ", read(page))]
    assert found == []
