"""The generated clients against the live service; `make test-clients` generates them and runs these tests."""

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
TIMEOUT_SECONDS = 120

# Media types that the Python generator does not support; every such operation accepts another one too.
UNSUPPORTED_MEDIA_TYPES = {"application/msgpack", "video/*", "image/*"}


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
        timeout=patience(TIMEOUT_SECONDS),
        check=False,
        env={"PATH": "/usr/local/bin:/usr/bin:/bin", **environment},
    )


def run_example(command: list[str | Path], address: str, folder: Path, **environment: str) -> None:
    video, output = write_video(folder / "video.mp4", FRAMES), folder / "frames.zip"
    done = run([*command, address, "admin", PASSWORD, video, output], **environment)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0] == f"video of {FRAMES} frames"
    assert lines[-2] == "completed 100 %"
    assert lines[-1] == "refused with 404 video_not_found"
    states = [re.fullmatch(r"(pending|processing|completed) \d+ %", line) for line in lines[1:-1]]
    assert all(states)
    with zipfile.ZipFile(output) as archive:
        assert archive.testzip() is None
        assert sum(name.startswith("frames/") for name in archive.namelist()) == FRAMES


def test_the_python_client_anonymizes_a_video(address: str, tmp_path: Path) -> None:
    command: list[str | Path] = [RELEASE / "python", CLIENTS / "example.py"]
    run_example(command, address, tmp_path, PYTHONPATH=str(GENERATED / "python"))


def test_the_typescript_client_anonymizes_a_video(address: str, tmp_path: Path, program: Path) -> None:
    run_example(["node", program], address, tmp_path)


def test_both_clients_report_a_wrong_password(address: str, tmp_path: Path, program: Path) -> None:
    video = write_video(tmp_path / "video.mp4", FRAMES)
    python: list[str | Path] = [RELEASE / "python", CLIENTS / "example.py"]
    for command in (python, ["node", program]):
        done = run(
            [*command, address, "admin", "not the password", video, tmp_path / "none.zip"],
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
def test_the_types_refuse_invalid_calls(tmp_path: Path, expression: str, complaint: str) -> None:
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


def test_the_generator_omits_only_unsupported_media_types(tmp_path: Path) -> None:
    done = run(
        [
            *(RELEASE / "openapi-python-client", "generate", "--path", ROOT / "openapi.json"),
            *("--config", CLIENTS / "python.yaml", "--output-path", tmp_path / "client"),
        ]
    )
    log = done.stdout + done.stderr
    assert done.returncode == 0, log
    assert set(re.findall(r"Unsupported content.type (\S+)", log)) == UNSUPPORTED_MEDIA_TYPES
    assert log.count("WARNING") == log.count("Unsupported content type")
    assert not re.search("Unable to process|Failure to process|omitted", log)
