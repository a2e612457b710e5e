"""Process one order of a whole long video: time, memory, and what can be done with its result.

Run with ``make bench-long``. Starts ``framecloak serve`` with embedded servers in a temporary folder and a
raised ``MAX_FRAMES_PER_REQUEST``, uploads a video of small frames with three marked areas, and redacts all of
it as one order of many slices.

Prints frames a second, the memory of API and worker over time (start, quarters, end, and peak), how long the
result takes to download, to check and to open, the sizes of ZIP, manifest and report, and whatever was
logged as a warning or an error. Exits with 1 if the order failed or its result lacks frames.
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

from benchmarks.service.load import write_video
from benchmarks.support.processes import (
    BIN,
    PASSWORD,
    Client,
    MemorySampler,
    load_average,
    program,
    roles,
    warnings_in,
)

AREAS = ((0, 0, 16, 12), (24, 16, 12, 12), (44, 30, 16, 14))
"""x, y, width and height of the marked areas in pixels: a box of each is in the manifest for every frame."""


def order_all(client: Client, video: int, frames: int) -> tuple[str, float]:
    """Order all frames of a video as one request; return its id and the seconds until it is completed."""
    for x, y, width, height in AREAS:
        area = {"x": x, "y": y, "width": width, "height": height}
        client.http.post(f"/api/videos/{video}/regions/", json=area).raise_for_status()
    order = {
        "video_id": video,
        "segment_ids": [client.mark(video, 0, frames)],
        "anonymization_level": "minimal",
    }
    began = time.perf_counter()
    (request,) = client.submit([order])
    client.finished(request, pause=1.0)
    return request, time.perf_counter() - began


def examine(client: Client, request: str, folder: Path, frames: int) -> list[str]:
    """Download, check and open a result; print the times and return what is wrong with it."""
    path = folder / "result.zip"
    began = time.perf_counter()
    with (
        client.http.stream("GET", f"/api/frames/anonymize/download/{request}/") as answer,
        path.open("wb") as file,
    ):
        for chunk in answer.raise_for_status().iter_bytes(1 << 20):
            file.write(chunk)
    print(f"  downloaded in {time.perf_counter() - began:.1f} s: {path.stat().st_size / 1e6:.0f} MB")
    with path.open("rb") as file:
        file.seek(-128, os.SEEK_END)
        print(f"  ZIP64: {b'PK' + bytes([6, 6]) in file.read()}")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        for name in ("manifest.json", "report.html"):
            print(f"  {name}: {archive.getinfo(name).file_size / 1e6:.2f} MB")
        written = sum(name.startswith("frames/") for name in names)
    began = time.perf_counter()
    words = (BIN / "framecloak", "verify", path, "--data-dir", folder / "data")
    verified = subprocess.run(words, check=False, capture_output=True, text=True)
    print(f"  framecloak verify: exit {verified.returncode} after {time.perf_counter() - began:.1f} s")
    for title, part in {"status": "status/{}/", "report": "{}/report", "review": "{}/review"}.items():
        began = time.perf_counter()
        answer = client.http.get(f"/api/frames/anonymize/{part.format(request)}")
        took = time.perf_counter() - began
        print(f"  {title} page: {answer.status_code}, {len(answer.content) / 1e3:.0f} kB after {took:.2f} s")
    return [] if written == frames else [f"the result has {written} of {frames} frames"]


def main() -> None:
    """Measure, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200_000)
    parser.add_argument("--size", type=int, nargs=2, default=(64, 48), metavar=("WIDTH", "HEIGHT"))
    arguments = parser.parse_args()
    frames = arguments.frames
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, {load_average()}"
    )
    folder = Path(tempfile.mkdtemp(prefix="framecloak-long-"))
    log, faults = folder / "service.log", []
    words = ("serve", "--port", "0", "--data-dir", folder / "data")
    environment = {"FRAMECLOAK_ADMIN_PASSWORD": PASSWORD, "MAX_FRAMES_PER_REQUEST": str(frames)}
    try:
        write_video(folder / "long.mkv", frames, tuple(arguments.size), "libx264")
        with program(*words, environment=environment, log=log, until="ready ") as (process, address):
            client, watch = Client(address), MemorySampler()
            client.http.timeout = 600
            with watch.sampling(roles(process.pid)):
                began = time.perf_counter()
                video = client.upload(folder / "long.mkv")
                print(f"uploaded and indexed in {time.perf_counter() - began:.1f} s")
                request, took = order_all(client, video, frames)
                print(f"{frames} frames after {took:.1f} s, {frames / took:.0f} frames/s ({load_average()})")
                for role in ("api", "worker"):
                    print(f"  memory of the {role}: {watch.summary(role)}", flush=True)
                faults = examine(client, request, folder, frames)
                for role in ("api", "worker"):
                    print(f"  memory of the {role} to here: {watch.summary(role)}", flush=True)
        for what, often in warnings_in(log).items():
            print(f"logged {often}x {what}")
    finally:
        shutil.rmtree(folder)
    for fault in faults:
        print(f"FAULT {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
