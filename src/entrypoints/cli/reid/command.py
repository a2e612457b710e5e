"""Command ``framecloak reid``: analyse, compare and search for faces in image files."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from framecloak.entrypoints.cli.exit_codes import describe_exit_codes, describe_reid_exit_codes
from framecloak.entrypoints.cli.options import detector_option, json_option, service_settings
from framecloak.entrypoints.cli.reid.galleries import enroll, search
from framecloak.entrypoints.cli.reid.images import (
    AnalyzedImage,
    draw_analyses,
    draw_option,
    read_image_file,
)

if TYPE_CHECKING:
    from framecloak.domain.model.faces import EmbeddingSpace, Face, ImageAnalysis

_Command = TypeVar("_Command", bound=Callable[..., Any])

_EPILOG = f"""\
\b
Exit codes
{describe_exit_codes()}
{describe_reid_exit_codes()}
"""


def _model_options(command: _Command) -> _Command:
    """Add the options for the models and the output."""
    options = (
        detector_option,
        click.option(
            "--recognizer",
            metavar="NAME",
            show_default="$RECOGNIZER, or auto",
            help="Face recogniser: dlib-resnet, the name or path of an InsightFace pack, or auto.",
        ),
        draw_option,
        json_option,
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.group(epilog=_EPILOG)
def reid() -> None:
    """Recognise faces in images."""


@reid.command()
@click.argument("image_file", metavar="IMAGE", type=click.Path(path_type=Path))
@_model_options
def analyze(
    image_file: Path, detector: str | None, recognizer: str | None, draw: Path | None, *, as_json: bool
) -> None:
    """Show the position and quality of every face in IMAGE.

    With --json, the embeddings are printed as well. Emotions are shown if a CLIP model is available: an
    export in MODEL_PATH, or CLIP_SERVICE_URL.
    """
    analyses, space = _analyze_files([image_file], detector, recognizer, emotions=True)
    faces = analyses[0].faces
    draw_analyses(draw, [AnalyzedImage(image_file, analyses[0])])
    if as_json:
        header = {"model": space.name, "faces_detected": analyses[0].detected}
        click.echo(json.dumps({**header, "faces": [_as_json(face) for face in faces]}))
        return
    click.echo(f"{len(faces)} of {analyses[0].detected} detected faces; embeddings by {space.name}")
    for number, face in enumerate(faces, 1):
        click.echo(f"{number}: {_describe(face)}")


@reid.command()
@click.argument("image_files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="IMAGE...")
@_model_options
def compare(
    image_files: tuple[Path, ...],
    detector: str | None,
    recognizer: str | None,
    draw: Path | None,
    *,
    as_json: bool,
) -> None:
    """Compare the largest faces of two or more IMAGEs, most similar pair first.

    The similarity of two faces is at most 1, for identical ones.
    """
    from framecloak.domain.reid.matching import compare as cosine  # noqa: PLC0415 - importing NumPy is slow

    if len(image_files) < 2:
        raise click.UsageError("give at least two images")
    analyses, space = _analyze_files(image_files, detector, recognizer, emotions=False)
    vectors = [analysis.faces[0].embedding.vector for analysis in analyses]
    pairs = sorted(
        (
            (cosine(vectors[first], vectors[second]), first, second)
            for first, second in combinations(range(len(image_files)), 2)
        ),
        reverse=True,
    )
    images = [
        AnalyzedImage(path, analysis, path.stem) for path, analysis in zip(image_files, analyses, strict=True)
    ]
    draw_analyses(draw, images)
    if as_json:
        rows = [
            {"first": str(image_files[first]), "second": str(image_files[second]), "similarity": similarity}
            for similarity, first, second in pairs
        ]
        click.echo(json.dumps({"model": space.name, "pairs": rows}))
        return
    for similarity, first, second in pairs:
        click.echo(f"{similarity:6.3f}  {image_files[first]}  {image_files[second]}")


reid.add_command(enroll)
reid.add_command(search)


def _analyze_files(
    image_files: Sequence[Path], detector: str | None, recognizer: str | None, *, emotions: bool
) -> tuple[list[ImageAnalysis], EmbeddingSpace]:
    """Analyse the faces of image files, and return them with their embedding space.

    Args:
        image_files: image files.
        detector: name of the face detector; None for the setting.
        recognizer: name of the face recogniser; None for the setting.
        emotions: True to recognise emotions too, if a CLIP model is available.

    Raises:
        DomainError: a file cannot be read or shows no face that can be recognised, or a model is missing.
    """
    # Importing the models and ONNX Runtime is slow, and `--help` does not need them.
    from dataclasses import replace  # noqa: PLC0415

    from framecloak.domain.errors import DomainError  # noqa: PLC0415
    from framecloak.entrypoints.composition.emotions import choose_emotion_reader  # noqa: PLC0415
    from framecloak.entrypoints.composition.reid import load_analysis  # noqa: PLC0415

    files = [read_image_file(path) for path in image_files]
    settings = service_settings()
    settings = replace(
        settings,
        detector=detector or settings.detector,
        recognizer=recognizer or settings.recognizer,
    )

    async def run() -> tuple[list[ImageAnalysis], EmbeddingSpace]:
        async with choose_emotion_reader(settings) if emotions else nullcontext() as reader:
            with closing(load_analysis(settings, reader)) as analysis:
                analyses = []
                for path, data in zip(image_files, files, strict=True):
                    (outcome,) = await analysis.analyze_all([data])
                    if isinstance(outcome, DomainError):
                        raise type(outcome)(f"{path}: {outcome.message}", outcome.hint)
                    analyses.append(outcome)
                return analyses, analysis.space

    return asyncio.run(run())


def _describe(face: Face) -> str:
    x1, y1, x2, y2 = face.box.round().astype(int).tolist()
    quality = face.quality
    emotion = max(face.emotions, key=face.emotions.__getitem__) if face.emotions else ""
    return (
        f"{x2 - x1}x{y2 - y1} pixels at {x1},{y1}, score {face.score:.2f}, "
        f"sharpness {quality.sharpness:.2f}, "
        f"yaw {quality.yaw:.0f}, pitch {quality.pitch:.0f}, roll {quality.roll:.0f} degrees"
        + (f", {emotion}" if emotion else "")
    )


def _as_json(face: Face) -> dict[str, Any]:
    x1, y1, x2, y2 = face.box.tolist()
    return {
        "bbox": [x1, y1, x2 - x1, y2 - y1],
        "landmarks": face.landmarks.tolist(),
        "confidence": face.score,
        "embedding": face.embedding.vector.tolist(),
        "quality": asdict(face.quality),
        "emotions": face.emotions,
    }
