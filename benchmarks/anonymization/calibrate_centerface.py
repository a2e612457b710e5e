"""Measure the range of every activation of CenterFace, for its int8 graph.

    python -m benchmarks.anonymization.calibrate_centerface [--faces FOLDER]

It writes src/adapters/vision/detection/centerface_calibration.json. The images are the group photograph in
the insightface wheel and, if present, a folder of portraits. Each is cropped, scaled, darkened down to 8 %,
blurred and made noisy at random, with a fixed seed. The footage on which the detector is evaluated
(street.mp4) is left out on purpose.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import onnx

from framecloak.adapters.vision.detection import centerface_graphs
from framecloak.adapters.vision.detection.centerface import published_weights
from framecloak.adapters.vision.detection.centerface_calibration import CALIBRATION
from framecloak.adapters.vision.runtime.int8 import tensors_to_calibrate
from framecloak.adapters.vision.runtime.onnx import OnnxSession, Provider, open_session
from framecloak.adapters.vision.weights.catalogue import CENTERFACE_SHA256
from framecloak.domain.imaging.detections import Image

HEIGHT, WIDTH = 320, 384
CROPS_OF_GROUP = 24
CROPS_OF_PORTRAIT = 6
GAINS = (1.3, 1.0, 1.0, 0.6, 0.3, 0.15, 0.08)
TAIL = 0.001
"""Percent of an image's values that may be cut off at either end in the backbone."""
METHOD = (
    "backbone: mean over the crops of the 0.001st and the 99.999th percentile; "
    "neck: lowest and highest value of all crops"
)


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    root = Path(__file__).parents[2]
    parser.add_argument("--faces", type=Path, default=root.parent / "shared" / "data" / "faces")
    paths = [group_photograph(), *sorted(parser.parse_args().faces.glob("*"))]
    model = centerface_graphs.read_published(published_weights())
    neck = centerface_graphs.neck_tensors(model)
    session, tensors = open_with_every_output(model)
    ends: dict[str, list[tuple[float, float]]] = {tensor: [] for tensor in tensors}
    for crop in crops(paths):
        for tensor, values in zip(tensors, session.run(crop[None]), strict=True):
            tail = 0.0 if tensor in neck else TAIL
            low, high = np.percentile(values, [tail, 100 - tail])
            ends[tensor].append((float(low), float(high)))
    table = {
        "model_sha256": CENTERFACE_SHA256,
        "method": METHOD,
        "pictures": [picture.name for picture in paths],
        "ranges": {tensor: summarise(ends[tensor], extreme=tensor in neck) for tensor in tensors},
    }
    CALIBRATION.write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    print(f"{CALIBRATION}: {len(tensors)} ranges from {len(ends[tensors[0]])} crops")


def group_photograph() -> Path:
    """Return the path of the image of six faces in the insightface wheel, without importing the wheel."""
    wheel = importlib.util.find_spec("insightface")
    if wheel is None or wheel.origin is None:
        raise SystemExit("insightface is not installed: pip install insightface")
    return Path(wheel.origin).parent / "data" / "images" / "t1.jpg"


def open_with_every_output(model: onnx.ModelProto) -> tuple[OnnxSession, list[str]]:
    """Return a session that outputs every tensor that the int8 graph rounds, and their names."""
    tensors = tensors_to_calibrate(model, centerface_graphs.int8_nodes(model))
    centerface_graphs.accept_uint8_images(model)
    del model.graph.output[:]
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in tensors)
    return open_session(model.SerializeToString(), Provider.CPU), tensors


def crops(paths: list[Path]) -> Iterator[Image]:
    """Yield (HEIGHT, WIDTH, 3) uint8 RGB crops of the images, degraded at random with a fixed seed."""
    random = np.random.default_rng(0)
    for index, path in enumerate(paths):
        bgr = cv2.imread(str(path))
        if bgr is None:
            raise SystemExit(f"{path} is not a picture")
        image = cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
        for _ in range(CROPS_OF_PORTRAIT if index else CROPS_OF_GROUP):
            yield degrade(random_crop(image, random), random)


def random_crop(image: Image, random: np.random.Generator) -> Image:
    """Return a crop of the image at a random scale, padded with a plain colour where it is too small."""
    scale = random.uniform(0.25, 1.2) * min(1.0, 1200 / max(image.shape))
    small = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    canvas = np.empty((max(HEIGHT, small.shape[0]), max(WIDTH, small.shape[1]), 3), np.uint8)
    canvas[:] = random.integers(0, 256, 3)
    canvas[: small.shape[0], : small.shape[1]] = small
    top = random.integers(0, canvas.shape[0] - HEIGHT + 1)
    left = random.integers(0, canvas.shape[1] - WIDTH + 1)
    return canvas[top : top + HEIGHT, left : left + WIDTH]


def degrade(crop: Image, random: np.random.Generator) -> Image:
    """Return the crop as a worse camera in less light would have taken it."""
    pixels = crop.astype(np.float32)
    if random.random() < 0.3:
        pixels = cv2.GaussianBlur(pixels, (0, 0), random.uniform(0.5, 2.0)).astype(np.float32)
    noise = random.normal(0, random.uniform(0, 8), pixels.shape)
    return np.clip(pixels * random.choice(GAINS) + noise, 0, 255).astype(np.uint8)


def summarise(ends: list[tuple[float, float]], *, extreme: bool) -> list[float]:
    """Combine the ranges of all crops into one, in five significant digits."""
    lows, highs = np.array(ends).T
    low, high = (lows.min(), highs.max()) if extreme else (lows.mean(), highs.mean())
    return [float(f"{low:.5g}"), float(f"{high:.5g}")]


if __name__ == "__main__":
    main()
