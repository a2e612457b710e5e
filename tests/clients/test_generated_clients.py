"""The generated clients against the live service: `make test-clients` makes them and runs this."""

from __future__ import annotations

import re
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.patience import patience
from support.processes import service_process
from support.processes.service_process import PASSWORD
from support.samples.media import write_video

ROOT = Path(__file__).parents[2]
CLIENTS = ROOT / "clients"
GENERATED = ROOT / "out" / "clients"
RELEASE = ROOT / ".venv-release" / "bin"
FRAMES = 12
HANGS_SECONDS = 120

# What the Python generator cannot send; each of these operations takes something else as well.
LEFT_OUT = {"application/msgpack", "video/*", "image/*"}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    arguments = ("serve", "--port", "0", "--data-dir", tmp_path_factory.mktemp("served"))
    environment = {"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD}
    with service_process.started(*arguments, environment=environment) as running:
        yield running.wait_for("ready ")


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The TypeScript example, checked against the generated types and compiled."""
    folder = tmp_path_factory.mktemp("typescript")
    for path in (CLIENTS / "example.ts", CLIENTS / "tsconfig.json", GENERATED / "typescript/framecloak.d.ts"):
        shutil.copy(path, folder)
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "node_modules").symlink_to(CLIENTS / "node_modules")
    done = run([folder / "node_modules/.bin/tsc", "--project", folder])
    assert done.returncode == 0, done.stdout
    return folder / "generated" / "example.js"


def run(command: list[str | Path], **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=patience(HANGS_SECONDS),
        check=False,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
    )


def go_all_the_way(command: list[str | Path], address: str, folder: Path, **environment: str) -> None:
    film, output = write_video(folder / "film.mp4", FRAMES), folder / "frames.zip"
    done = run([*command, address, "admin", PASSWORD, film, output], **environment)
    assert (done.returncode, done.stderr) == (0, "")
    said = done.stdout.splitlines()
    assert said[0] == f"video of {FRAMES} frames"
    assert said[-2] == "completed 100 %"
    assert said[-1] == "refused with 404 video_not_found"
    told = [re.fullmatch(r"(pending|processing|completed) \d+ %", line) for line in said[1:-1]]
    assert all(told)
    with zipfile.ZipFile(output) as archive:
        assert archive.testzip() is None
        assert sum(name.startswith("frames/") for name in archive.namelist()) == FRAMES


def test_the_python_client(address: str, tmp_path: Path) -> None:
    command: list[str | Path] = [RELEASE / "python", CLIENTS / "example.py"]
    go_all_the_way(command, address, tmp_path, PYTHONPATH=str(GENERATED / "python"))


def test_the_typescript_types(address: str, tmp_path: Path, program: Path) -> None:
    go_all_the_way(["node", program], address, tmp_path)


def test_a_wrong_password_is_a_problem_in_both(address: str, tmp_path: Path, program: Path) -> None:
    film = write_video(tmp_path / "film.mp4", FRAMES)
    python: list[str | Path] = [RELEASE / "python", CLIENTS / "example.py"]
    for command in (python, ["node", program]):
        done = run(
            [*command, address, "admin", "not the password", film, tmp_path / "none.zip"],
            PYTHONPATH=str(GENERATED / "python"),
        )
        assert done.returncode == 1
        assert "invalid_credentials: " in done.stderr


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ('api.GET("/api/nothing", {})', "/api/nothing"),
        ('api.POST("/api/frames/anonymize", { body: { video_id: "1", segment_ids: [1] } })', "number"),
        ('api.POST("/api/frames/anonymize", { body: { video_id: 1 } })', "segment_ids"),
    ],
)
def test_the_types_refuse_what_the_service_would(tmp_path: Path, expression: str, complaint: str) -> None:
    shutil.copy(CLIENTS / "tsconfig.json", tmp_path)
    shutil.copy(GENERATED / "typescript/framecloak.d.ts", tmp_path)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "node_modules").symlink_to(CLIENTS / "node_modules")
    (tmp_path / "example.ts").write_text(
        'import createClient from "openapi-fetch";\nimport type { paths } from "./framecloak.js";\n'
        f"const api = createClient<paths>();\nawait {expression};\n"
    )
    done = run([tmp_path / "node_modules/.bin/tsc", "--project", tmp_path])
    assert done.returncode != 0
    assert complaint in done.stdout


def test_the_generator_leaves_nothing_out_but_what_it_cannot_send(tmp_path: Path) -> None:
    done = run(
        [
            *(RELEASE / "openapi-python-client", "generate", "--path", ROOT / "openapi.json"),
            *("--config", CLIENTS / "python.yaml", "--output-path", tmp_path / "client"),
        ]
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    assert set(re.findall(r"Unsupported content.type (\S+)", said)) == LEFT_OUT
    assert said.count("WARNING") == said.count("Unsupported content type")
    assert not re.search("Unable to process|Failure to process|omitted", said)
