"""Hardware encoders that do not work here: one clear error before any work, and no other encoder instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from framecloak.domain.errors import EncoderUnavailableError
from framecloak.entrypoints.composition.video_encoder import require_video_encoder
from framecloak.entrypoints.settings import VIDEO_ENCODERS
from support.processes import command
from support.samples.media import write_video

ENCODER_UNAVAILABLE, INVALID_OPTION = 37, 25
REGION = ("--level", "minimal", "--region", "0,0,20,20")


@pytest.fixture(params=VIDEO_ENCODERS[1:])
def refused(request: pytest.FixtureRequest) -> str:
    """Return the name of a hardware encoder that does not work here."""
    name: str = request.param
    try:
        require_video_encoder(name)
    except EncoderUnavailableError:
        return name
    pytest.skip(f"{name} works here")


def test_redact_refuses_it(refused: str, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    video = write_video(tmp_path / "in" / "a.mp4", 10)
    output = tmp_path / "out.zip"
    arguments = ("redact", video, "-o", output, *REGION, "--format", "mp4", "--video-encoder", refused)
    done = command.run(*arguments)
    assert done.code == ENCODER_UNAVAILABLE
    assert done.out == ""
    (line,) = done.err.splitlines()
    assert line.startswith(f"framecloak: the video encoder {refused} does not work here: ")
    assert "libx264" in line
    done = command.run(*arguments, "--json")
    assert (done.code, json.loads(done.err)["code"]) == (ENCODER_UNAVAILABLE, "encoder_unavailable")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_the_setting_is_tried_for_videos_only(refused: str, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 10)
    settings = {"VIDEO_ENCODER": refused}
    for output_format, code in (("mp4", ENCODER_UNAVAILABLE), ("png", 0)):
        output = tmp_path / f"{output_format}.zip"
        arguments = ("redact", video, "-o", output, *REGION, "--format", output_format, "--quiet")
        done = command.run(*arguments, environment=settings)
        assert (done.code, output.exists()) == (code, not code), done.err


@pytest.mark.parametrize("named", ["libx264", "h264_nvenc"])
def test_an_encoder_is_refused_for_images(named: str, tmp_path: Path) -> None:
    video = write_video(tmp_path / "a.mp4", 10)
    output = tmp_path / "out.zip"
    done = command.run("redact", video, "-o", output, *REGION, "--video-encoder", named, "--json")
    assert (done.code, json.loads(done.err)["code"]) == (INVALID_OPTION, "invalid_option")
    assert command.run("redact", video, "-o", output, *REGION, "--quiet").code == 0
    edited = ("render", video, "--manifest", output, "-o", tmp_path / "again.zip")
    done = command.run(*edited, "--video-encoder", named, "--json")
    assert (done.code, json.loads(done.err)["code"]) == (INVALID_OPTION, "invalid_option")
    assert not (tmp_path / "again.zip").exists()


def test_the_service_does_not_start(refused: str, tmp_path: Path) -> None:
    settings = {"VIDEO_ENCODER": refused, "PORT": "0"}
    done = command.run("serve", "--data-dir", tmp_path / "data", environment=settings)
    assert done.code == ENCODER_UNAVAILABLE
    assert refused in done.err
    assert "listening" not in done.out
