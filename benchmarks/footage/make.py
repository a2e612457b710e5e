"""Hard test footage with exact ground truth: `python -m benchmarks.footage.make OUT_DIR`.

A virtual camera moves over photographs whose faces were verified by eye once, and further photographs are
composited and moved on top. Every face box of every frame is therefore known exactly without any
annotation. Deterministic: the same inputs and library versions give the same frames.

The photographs are the one inside the insightface wheel and, if present, those of `../shared/data`;
without the latter, some clips are omitted or have fewer faces.

`OUT_DIR/gt.json`: `{clip: {width, height, frames: {index: [{xyxy, hard, id}]}, ignore: {index: [xyxy]}}}`.
`frames` holds the faces to be redacted, clipped to the frame; `ignore` those that are too small, too
covered or too far outside to be required, but that a careful redactor may well hide. A face with `away` is
the back of a head. `true_aspect` is the shape of a pixel that the file should have declared.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.footage.clip import SEED, Clip
from benchmarks.footage.clips import catalogue
from benchmarks.footage.scene import Face, Image, clip, expose
from benchmarks.footage.sight_clips import sight_catalogue
from benchmarks.footage.stills import load_stills

FPS = 25
THEMES = ("hard", "sight", "all")
MIN_VISIBLE, CLEAR_VISIBLE = 0.4, 0.6
MAX_SMEAR = 0.35
"""Motion blur, in face widths, beyond which a face is `hard`."""
EXPOSURE_SAMPLES = 12


def clips_of(theme: str, seed: int) -> list[Clip]:
    """Return the clips of a theme: `hard` for light and motion, `sight` for turned and odd faces."""
    stills = load_stills()
    made = []
    if theme in {"hard", "all"}:
        made += catalogue(stills, seed)
    if theme in {"sight", "all"}:
        made += sight_catalogue(stills, seed)
    return made


def annotate(face: Face, clip_: Clip, *, degraded: bool) -> dict[str, Any] | None:
    """Return the ground truth of a face, or None if it need not be redacted."""
    box = clip(face.box, clip_.size)
    width = box[2] - box[0]
    if face.visible < MIN_VISIBLE or width < clip_.min_width:
        return None
    hard = degraded or face.hard or face.visible < CLEAR_VISIBLE or width < clip_.clear_width
    truth = {"xyxy": [round(v, 1) for v in box], "hard": hard or face.away}
    return truth | {"away": True} if face.away else truth


def render(clip_: Clip) -> Iterator[tuple[Image, list[dict[str, Any]], list[list[float]]]]:
    """Yield each frame (BGR), its ground truth, and the boxes of faces to ignore."""
    for index in range(clip_.frames):
        image, faces, smear = expose(clip_.scene, index, clip_.shutter, EXPOSURE_SAMPLES, clip_.size)
        graded = clip_.grade(image.astype(np.float32), index)
        truth, ignore = [], []
        for name, face in faces.items():
            degraded = clip_.degraded(index) or smear[name] > MAX_SMEAR
            found = annotate(face, clip_, degraded=degraded)
            if found:
                truth.append(found | {"id": name})
            else:
                ignore.append([round(v, 1) for v in face.box])
        yield np.rint(np.clip(graded, 0, 255)).astype(np.uint8), truth, ignore


def write(clip_: Clip, folder: Path) -> dict[str, Any]:
    """Write `NAME.mp4` (H.264) and return its entry of the ground truth."""
    frames: dict[str, list[dict[str, Any]]] = {}
    ignored: dict[str, list[list[float]]] = {}
    with av.open(str(folder / f"{clip_.name}.mp4"), "w") as container:
        # One encoder thread, so that the file does not depend on the machine's cores.
        options = {"preset": "veryfast", "threads": "1"}
        stream = container.add_stream("libx264", rate=FPS, options=options)
        stream.width, stream.height = clip_.size
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = clip_.kilobits * 1000
        if clip_.aspect:
            stream.codec_context.sample_aspect_ratio = clip_.aspect
        for index, (image, truth, ignore) in enumerate(render(clip_)):
            frames[str(index)], ignored[str(index)] = truth, ignore
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="bgr24")))
        container.mux(stream.encode())
    width, height = clip_.size
    told = {"true_aspect": clip_.true_aspect} if clip_.true_aspect else {}
    return {"width": width, "height": height, "frames": frames, "ignore": ignored} | told


def main() -> None:
    """Render the clips named on the command line, or all."""
    parser = argparse.ArgumentParser(description="Render hard test footage with exact ground truth.")
    parser.add_argument("out", type=Path, help="folder for the clips and gt.json")
    parser.add_argument(
        "--clip", action="append", help="only this clip (repeatable); gt.json keeps the others"
    )
    parser.add_argument("--theme", choices=THEMES, default="hard", help="which clips (default: hard)")
    parser.add_argument("--seed", type=int, default=SEED, help="other motion, and for sight other heads")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    record = arguments.out / "gt.json"
    truth = json.loads(record.read_text()) if arguments.clip and record.is_file() else {}
    for clip_ in clips_of(arguments.theme, arguments.seed):
        if arguments.clip and clip_.name not in arguments.clip:
            continue
        entry = truth[f"{clip_.name}.mp4"] = write(clip_, arguments.out)
        faces = [face for frame in entry["frames"].values() for face in frame]
        hard = sum(face["hard"] for face in faces)
        print(
            f"{clip_.name:12}{clip_.size[0]:5}x{clip_.size[1]:<5}{clip_.frames:4} frames"
            f"{len(faces):6} faces, {hard} of them hard"
        )
    record.write_text(json.dumps(truth))


if __name__ == "__main__":
    main()
