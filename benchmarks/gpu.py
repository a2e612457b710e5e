"""Models on an NVIDIA GPU compared with the CPU, and with direct calls of the models: ``make bench-gpu``.

Without a working GPU it prints the reason, measures nothing, and exits with success. With one, all variants
alternate within one run, and medians and ratios are printed as a section for ``BENCHMARKS.md``:

- detection: images a second for batches of 1 to 64, in fp32 and fp16, with outputs copied always or only
  on request (``Session.run_lazily``), and on TensorRT where that works;
- `redact`: frames a second of the whole pipeline, beside the same detection passes alone;
- `/analyze`: faces a second over HTTP (the largest of each image), beside the same models called directly.

    python -m benchmarks.gpu [--video FILE] [--rounds 5] [--output FILE.md] [PICTURE...]
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from itertools import cycle, islice
from pathlib import Path

import numpy as np

from benchmarks.faces.over_http import ANALYZE, IMAGES_PER_ROUND, over_http, requests_of
from benchmarks.faces.recognition_load import direct
from benchmarks.support.processes import Client, program, servers
from framecloak.adapters.vision.detection.centerface import CenterFace, build_graph
from framecloak.adapters.vision.runtime.onnx import Provider, open_session_per_provider
from framecloak.adapters.vision.runtime.precision import Precision, choose_precision
from framecloak.domain.anonymization.detection.faces import FaceSearch
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.pipeline.pipeline import redacted_frames
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.errors import ProviderUnavailableError
from framecloak.domain.imaging.detections import Image, ModelCard
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.frames import FrameSource
from framecloak.entrypoints.composition.pipeline import Container
from framecloak.entrypoints.composition.reid import load_analysis
from framecloak.entrypoints.settings import Settings
from framecloak.entrypoints.settings.resources import available_cores

BATCHES = (1, 2, 4, 8, 16, 32, 64)
DETECTED_PER_ROUND = 128
"""Images detected by each variant in a round."""
SIZE = 960, 544
"""Size of the images: the middle detection scale of a 1080p video."""
THRESHOLD = 0.12
"""Lowest score of detections for the tracker."""
CONNECTIONS = 16
SHARED = Path("../shared/data")

Variants = Mapping[str, Callable[[], int]]
"""Variants to compare: each does its work once and returns the amount."""


def main() -> None:
    """Measure, print and write the section; without a GPU, print why nothing is measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="*", type=Path, help="of people, for /analyze")
    parser.add_argument("--video", type=Path, default=SHARED / "street.mp4", help="a film of 1080p")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--output", type=Path, help="where the section is written to, too")
    arguments = parser.parse_args()
    settings = Settings.from_environment({})
    try:
        detector(settings.models, Provider.CUDA, Precision.FP32)
    except ProviderUnavailableError as error:
        print(f"not measured: no CUDA device was at hand ({error.message})")
        return
    lines = [f"## GPU\n\n{machine()}; medians of {arguments.rounds} rounds in turns.\n"]
    for section in sections(settings, arguments):
        print(section, flush=True)
        lines.append(section)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text("\n".join(lines), "utf-8")


def sections(settings: Settings, arguments: argparse.Namespace) -> Iterator[str]:
    """Yield the parts of the section as soon as they are measured."""
    if arguments.video.is_file():
        source = Container.build(settings).open_source(arguments.video)
        yield detection(settings.models, stills(source), arguments.rounds)
        yield redaction(settings, source, arguments.rounds)
    else:
        yield f"Detection and `redact`: not measured, there is no film {arguments.video}.\n"
    pictures = [path.read_bytes() for path in arguments.pictures]
    yield analysis(settings, pictures, arguments.rounds) if pictures else "`/analyze`: not measured.\n"


def detection(models: Path, images: list[Image], rounds: int) -> str:
    """Measure images a second by batch size, and the gain of leaving outputs on the device."""
    found = {"CPU": detector(models, Provider.CPU, choose_precision(Precision.AUTO, Provider.CPU))}
    for precision in (Precision.FP32, Precision.FP16):
        found[f"CUDA {precision}"] = detector(models, Provider.CUDA, precision)
        found[f"CUDA {precision}, copied"] = detector(models, Provider.CUDA, precision, bound=False)
    try:
        found["TensorRT fp16"] = detector(models, Provider.TENSORRT, Precision.FP16)
    except ProviderUnavailableError as error:
        print(f"TensorRT is left out: {error.message}")
    rows = []
    for size in BATCHES:
        variants = {name: detection_run(model, images, size) for name, model in found.items()}
        rows.append((f"batches of {size}", measure(variants, rounds)))
    blank = [np.full_like(images[0], 90)]
    variants = {name: detection_run(model, blank, 8) for name, model in found.items()}
    rows.append(("batches of 8, nobody in them", measure(variants, rounds)))
    return table(f"pictures/s at {SIZE[0]}x{SIZE[1]}", rows, "CPU") + (
        "\nThe CPU takes one picture a call, in as many threads as cores; `copied`: all outputs each time.\n"
    )


def redaction(settings: Settings, source: FrameSource, rounds: int) -> str:
    """Measure frames a second of the pipeline, beside its detection passes alone."""
    whole = Segment(0, source.info.frame_count)
    exhibit = ExportSource(0, source, None, lambda index: f"frames/{index}", (whole,))
    export = ExportJob("framecloak benchmark", Level.FACES, Appearance(), group_sources([exhibit]))
    instructions = export.redaction_spec(export.groups[0])
    decoded = list(source.frames(0, source.info.frame_count))

    def redact(instruments: PipelineTools) -> int:
        return sum(1 for _ in redacted_frames(source, whole, instructions, instruments))

    def only_look(instruments: PipelineTools) -> int:
        model = instruments.detector
        assert model is not None  # noqa: S101 -- faces are looked for
        search = FaceSearch(model, instruments.sampler)
        starts = range(0, len(decoded), model.max_batch)
        with ThreadPoolExecutor(instruments.threads) as pool:
            parts = (decoded[start : start + model.max_batch] for start in starts)
            done = pool.map(
                lambda part: search.analyze(part, instructions.scales, instructions.low_threshold),
                parts,
            )
            return sum(map(len, done))

    variants: dict[str, Callable[[], int]] = {}
    for provider, precision in (("cpu", "auto"), ("cuda", "fp32"), ("cuda", "fp16")):
        chosen = replace(settings, provider=provider, precision=precision)
        instruments = Container.build(chosen).pipeline_tools(Level.FACES)
        name = f"{provider.upper()} {precision}"
        variants[name] = lambda instruments=instruments: redact(instruments)
        variants[f"{name}, its detector alone"] = lambda instruments=instruments: only_look(instruments)
    return table("`redact`, frames/s at 1080p", [(source.info.name, measure(variants, rounds))], "CPU auto")


def analysis(settings: Settings, images: list[bytes], rounds: int) -> str:
    """Measure faces a second over HTTP, on either device, and of the same models in this process."""
    variants: dict[str, Callable[[], int]] = {}
    with tempfile.TemporaryDirectory() as temporary, ExitStack() as stack:
        folder = Path(temporary)
        environment = stack.enter_context(servers(folder / "data"))
        for provider in ("cpu", "cuda"):
            words = {"LOG_LEVEL": "warning", "FRAMECLOAK_PROVIDER": provider}
            log = folder / f"{provider}.log"
            api = program(
                "api", "--port", "0", environment=environment | words, log=log, until="listening on "
            )
            _, address = stack.enter_context(api)
            client = Client(address)
            faces = load_analysis(replace(settings, provider=provider))
            stack.callback(faces.close)
            name = provider.upper()
            sent = partial(over_http, ANALYZE, client, requests_of(ANALYZE, client, images), CONNECTIONS)
            variants[f"{name}, over HTTP"] = sent
            variants[f"{name}, called directly"] = partial(
                direct, faces, images, IMAGES_PER_ROUND, largest=True
            )
        rows = [(f"{faces.detector.card.name} and {faces.space.name}", measure(variants, rounds))]
    return table(f"`/analyze`, faces/s, {CONNECTIONS} connections", rows, "CPU, over HTTP")


def detector(models: Path, provider: Provider, precision: Precision, *, bound: bool = True) -> CenterFace:
    """Return CenterFace as the product uses it, but for batches of any size.

    Args:
        models: the models folder.
        provider: where to run.
        precision: FP32, FP16 or INT8.
        bound: whether outputs stay on a GPU until they are requested.
    """
    graph = build_graph(models, precision)
    session = open_session_per_provider(lambda _: graph.content, provider, half=precision is Precision.FP16)
    session.uses_io_binding = session.uses_io_binding and bound
    found = CenterFace(session, ModelCard("centerface", graph.sha256, "", provider.label, precision))
    if provider is not Provider.CPU:
        found.max_batch = max(BATCHES)
    return found


def detection_run(model: CenterFace, images: list[Image], size: int) -> Callable[[], int]:
    """Return a function that detects in all images in batches; a CPU uses all its threads."""
    images_of_round = list(islice(cycle(images), DETECTED_PER_ROUND))
    step = min(size, model.max_batch)
    calls = [images_of_round[start : start + step] for start in range(0, DETECTED_PER_ROUND, step)]
    threads = available_cores() if model.max_batch == 1 else 1

    def run() -> int:
        with ThreadPoolExecutor(threads) as pool:
            return sum(len(found) for found in pool.map(lambda call: model.detect(call, THRESHOLD), calls))

    return run


def stills(source: FrameSource) -> list[Image]:
    """Return frames spread over the video, in the detector's format."""
    step = max(1, source.info.frame_count // 16)
    return [
        frame.rgb(*SIZE) for frame in source.frames(0, source.info.frame_count) if frame.index % step == 0
    ]


def measure(variants: Variants, rounds: int) -> dict[str, list[float]]:
    """Return each variant's work per second, round by round; each is run once before that."""
    for way in variants.values():
        way()
    rates: dict[str, list[float]] = {name: [] for name in variants}
    for _ in range(rounds):
        for name, way in variants.items():
            started = time.perf_counter()
            done = way()
            rates[name].append(done / (time.perf_counter() - started))
    return rates


def table(title: str, rows: list[tuple[str, dict[str, list[float]]]], base: str) -> str:
    """Return Markdown: medians, and the median of the ratios to the base variant, round by round."""
    names = list(rows[0][1])
    lines = [f"| {title} | " + " | ".join(names) + " |", "| --- " * (len(names) + 1) + "|"]
    for label, rates in rows:
        cells = []
        for name in names:
            ratios = [one / other for one, other in zip(rates[name], rates[base], strict=True)]
            ratio = "" if name == base else f" ({statistics.median(ratios):.1f}x)"
            cells.append(f"{statistics.median(rates[name]):.0f}{ratio}")
        lines.append(f"| {label} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def machine() -> str:
    """Describe the GPU, its driver, the CPU cores and the runtime."""
    query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
    try:
        gpu = subprocess.run(query, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        gpu = "a GPU that nvidia-smi does not tell"
    try:
        runtime = f"onnxruntime-gpu {version('onnxruntime-gpu')}"
    except PackageNotFoundError:
        runtime = "an onnxruntime that was built here"
    return f"{gpu}; {available_cores()} cores; {runtime}"


if __name__ == "__main__":
    main()
