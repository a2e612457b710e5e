"""Small files that would take gigabytes, through a real API and worker: memory of both stays bounded."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import httpx

from framecloak.adapters.media.sample_limit import SAMPLES_OF_SMALL_FILES
from support.processes import command, service_process
from support.processes.service_process import PASSWORD
from support.samples.bombs import (
    write_endless_sound,
    write_growing_video,
    write_inflating_video,
    write_repeated_edits,
    write_repeated_samples,
    write_still_video,
)
from support.samples.media import write_video

MIB = 1 << 20
SMALL = 160, 120
MOST_EDITS = 95_000
"""Repetitions of 12 frames that are just allowed, at the size of the file."""
MAX_FRAMES = 60
"""Frames of each video that are redacted at most."""
MAX_GROWTH = 400 * MIB
"""Memory beyond that of an ordinary request, whatever is uploaded."""


def test_no_shape_of_bomb_takes_much_memory(database_url: str, redis_url: str, tmp_path: Path) -> None:
    environment = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DATA_DIR": str(tmp_path / "data"),
        "SECRET_KEY": "one secret for all the processes",
        "FRAMECLOAK_THREADS": "1",
    }
    words = ("users", "create", "admin", "--admin", "--password-stdin")
    assert command.run(*words, environment=environment, stdin=f"{PASSWORD}\n").code == 0
    plain = write_video(tmp_path / "plain.mp4", 12, size=SMALL)
    with (
        service_process.started("api", "--port", "0", environment=environment) as api,
        service_process.started("worker", environment=environment) as worker,
        service_process.signed_in(api.wait_for("listening on ")) as http,
    ):
        processes = {"api": api.process.pid, "worker": worker.process.pid}
        # The models are loaded, and whatever an ordinary request needs is in memory.
        assert outcome(http, plain) == ("completed", 0)
        usual = {name: peak(pid) for name, pid in processes.items()}
        for path, expected in bombs(tmp_path, plain).items():
            for pid in processes.values():
                reset_peak(pid)
            assert (path.name, outcome(http, path)) == (path.name, expected)
            grown = {name: (peak(pid) - usual[name]) // MIB for name, pid in processes.items()}
            assert max(grown.values()) < MAX_GROWTH // MIB, (path.name, grown)
        assert outcome(http, plain) == ("completed", 0)
        assert damaged_previews(http) == {
            ("grow-png.avi", 422, "frame_damaged"),
            ("grow-mjpeg.avi", 422, "frame_damaged"),
        }


def damaged_previews(http: httpx.Client) -> set[tuple[str, int, str]]:
    """Return the answers to requests for the last frame of each video that grows."""
    found = set()
    for video in http.get("/api/videos/").json()["items"]:
        if video["filename"].startswith("grow"):
            answer = http.get(f"/api/videos/{video['id']}/frames/{video['frame_count'] - 1}.jpg")
            found.add((video["filename"], answer.status_code, answer.json()["code"]))
    return found


def bombs(folder: Path, plain: Path) -> dict[Path, tuple[str, int]]:
    """Return the files with what becomes of each: its code, or its status and number of black frames."""
    return {
        write_still_video(folder / "huge.avi", (9900, 9900), "mjpeg"): ("image_too_large", 0),
        write_growing_video(folder / "grow-png.avi", SMALL, (16000, 16000), "png"): ("completed", 2),
        write_growing_video(folder / "grow-mjpeg.avi", SMALL, (16000, 16000), "mjpeg"): ("completed", 2),
        write_inflating_video(folder / "text.avi", "zTXt", 256): ("completed", 0),
        write_inflating_video(folder / "profile.avi", "iCCP", 256): ("completed", 0),
        write_repeated_samples(folder / "samples.mp4", plain, 1 << 27): ("unreadable_video", 0),
        write_repeated_edits(folder / "edits.mp4", plain, 1_000_000): ("unreadable_video", 0),
        write_repeated_samples(folder / "most-samples.mp4", plain, SAMPLES_OF_SMALL_FILES): (
            "unreadable_video",
            0,
        ),
        write_repeated_edits(folder / "most-edits.mp4", plain, MOST_EDITS): ("completed", 0),
        write_endless_sound(folder / "sound.mkv", plain, 30): ("completed", 0),
    }


def outcome(http: httpx.Client, path: Path) -> tuple[str, int]:
    """Upload a video and redact its start; return the code of the refusal, or status and black frames."""
    headers = {"Content-Type": "video/mp4"}
    answer = http.post(f"/api/videos/?filename={path.name}", content=path.read_bytes(), headers=headers)
    if not answer.is_success:
        return str(answer.json()["code"]), 0
    facts: dict[str, Any] = answer.json()
    segment = service_process.mark(http, facts["id"], 0, min(MAX_FRAMES, facts["frame_count"]))
    request = service_process.submit(http, facts["id"], [segment])
    state = service_process.follow(http, request)[-1]
    if state["status"] != "completed":
        return str(state["error"]), 0
    link = http.get(f"/api/frames/anonymize/download/{request}/").headers["location"]
    with zipfile.ZipFile(io.BytesIO(http.get(link).raise_for_status().content)) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    return "completed", sum(frame["blanked"] for frame in manifest["frames"])


def peak(pid: int) -> int:
    """Return the largest resident memory of a process since it was reset, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def reset_peak(pid: int) -> None:
    Path(f"/proc/{pid}/clear_refs").write_text("5")
