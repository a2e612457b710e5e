"""Command ``framecloak models``: list, verify, build and download model weights."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn
from rich.table import Column, Table

from framecloak.adapters.vision.detection import centerface, yunet
from framecloak.adapters.vision.emotions import clip_files
from framecloak.adapters.vision.recognition import dlib_resnet
from framecloak.adapters.vision.runtime.onnx import PROVIDER_PREFERENCE, Provider
from framecloak.adapters.vision.runtime.precision import Precision, describe_execution
from framecloak.adapters.vision.weights.catalogue import (
    CENTERFACE,
    CLIP_FOLDER,
    DLIB_RESNET,
    PP_OCR,
    PP_OCR_READER,
    YUNET,
    FileCheck,
    FileState,
    find_pack,
    models_folder,
)
from framecloak.adapters.vision.weights.catalogue import verify as verify_files
from framecloak.adapters.vision.weights.download import pull as pull_pack
from framecloak.adapters.vision.weights.rapidocr_wheel import rapidocr_weights
from framecloak.domain.errors import DomainError, ModelCorruptError, ModelMissingError
from framecloak.entrypoints.cli.models.listing import model_rows
from framecloak.entrypoints.cli.options import json_option

_console = Console()

_models_folder_option = click.option(
    "--model-path",
    "models",
    type=click.Path(file_okay=False, path_type=Path),
    default=lambda: models_folder(os.environ),
    show_default="$MODEL_PATH, or the user's cache folder",
    help="Folder of the models.",
)


@dataclass(frozen=True, slots=True)
class _Trial:
    """Result of a trial run of a model on a provider.

    Attributes:
        provider: name of the provider.
        works: True if the model ran.
        detail: description of the run, or the reason for the failure.
    """

    provider: str
    works: bool
    detail: str


@click.group()
def models() -> None:
    """List, verify, build and download models, and test providers."""


@models.command("list")
@_models_folder_option
@json_option
def list_models(models: Path, *, as_json: bool) -> None:
    """List the installed and the available models."""
    rows = model_rows(models)
    if as_json:
        click.echo(json.dumps([asdict(row) for row in rows], indent=2))
        return
    # Users type the names, so names are not truncated, whatever else is.
    name = Column("name", min_width=max(len(row.name) for row in rows))
    table = Table(name, "present", "precision", "licence", "path", title=f"Models in {models}")
    for row in rows:
        table.add_row(
            row.name,
            "[green]yes[/]" if row.present else "no",
            row.precision,
            row.licence,
            row.path,
        )
    _console.print(table)


@models.command("verify")
@_models_folder_option
@json_option
@click.pass_context
def verify(context: click.Context, models: Path, *, as_json: bool) -> None:
    """Hash every model file again; exit with 1 if a file has changed or is missing."""
    checks = [*_check_text_graphs(), *verify_files(models), *clip_files.check_files(models)]
    if as_json:
        rows = [{"path": str(check.path), "state": check.state} for check in checks]
        click.echo(json.dumps(rows, indent=2))
    elif not checks:
        _console.print(f"There are no model files in {models}.")
    else:
        table = Table("file", "state")
        for check in checks:
            # A file outside the folder is deep inside a wheel.
            in_folder = check.path.is_relative_to(models)
            shown = check.path.relative_to(models) if in_folder else check.path.name
            table.add_row(str(shown), _STATE_LABELS[check.state])
        _console.print(table)
    if any(check.state in {FileState.CHANGED, FileState.MISSING} for check in checks):
        context.exit(1)


_STATE_LABELS = {
    FileState.UNCHANGED: "[green]unchanged[/]",
    FileState.CHANGED: "[bold red]changed[/]: remove it and build or pull it again",
    FileState.MISSING: "[bold red]missing[/]: pull the pack again",
    FileState.RECORDED: "[yellow]recorded[/]: its digest was unknown; it is trusted from now on",
}


@models.command("build")
@_models_folder_option
@json_option
def build(models: Path, *, as_json: bool) -> None:
    """Build the graphs of CenterFace, YuNet and dlib now instead of on first use."""
    built = {
        f"{CENTERFACE.name} {precision}": centerface.build_graph(models, precision)
        for precision in (Precision.FP32, Precision.FP16, Precision.INT8)
    }
    if yunet.is_installed(models):
        built[YUNET.name] = yunet.build_graph(models)
        built[f"{YUNET.name}, large images"] = yunet.build_graph_for_large_images(models)
    built[DLIB_RESNET.name] = dlib_resnet.build_graph(models)
    rows = [
        {
            "name": name,
            "path": str(graph.content) if isinstance(graph.content, Path) else None,
            "sha256": graph.sha256,
        }
        for name, graph in built.items()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        _console.print(f"{row['name']}: {row['path'] or 'built but not saved: the folder is not writable'}")


@models.command("providers")
@_models_folder_option
@json_option
def providers(models: Path, *, as_json: bool) -> None:
    """Test which providers work: TensorRT, CUDA and CPU. `auto` uses the first one that works."""
    trials = [_try_provider(provider, models) for provider in PROVIDER_PREFERENCE]
    if as_json:
        click.echo(json.dumps([asdict(trial) for trial in trials], indent=2))
        return
    table = Table("provider", "works", "details")
    for trial in trials:
        table.add_row(trial.provider, "[green]yes[/]" if trial.works else "no", trial.detail)
    _console.print(table)


def _try_provider(provider: Provider, models: Path) -> _Trial:
    """Detect faces in a black image, because a device can be opened and still fail to compute."""
    try:
        detector = centerface.CenterFace.load(models, provider)
        detector.detect([np.zeros((64, 64, 3), np.uint8)], 0.5)
    except DomainError as error:
        return _Trial(provider.label, works=False, detail=error.message)
    return _Trial(provider.label, works=True, detail=describe_execution(detector.card))


@models.command("pull")
@click.argument("name", metavar="NAME")
@click.option(
    "--accept-license", is_flag=True, help="Confirm that you have read and accept the licence terms."
)
@click.option("--url", help="Download the ZIP or file from this mirror.")
@_models_folder_option
@json_option
def pull(name: str, url: str | None, models: Path, *, accept_license: bool, as_json: bool) -> None:
    """Show the licence of NAME, an InsightFace pack or `yunet`, and download it."""
    pack = find_pack(name)
    notes = Console(stderr=True)
    notes.print(f"[bold]{pack.name}[/]: {pack.licence}\n{pack.terms}")
    columns = (TextColumn(pack.name), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=notes, disable=not sys.stderr.isatty()) as bar:
        task = bar.add_task(pack.name, total=None)
        folder = pull_pack(
            pack,
            models,
            accept_license=accept_license,
            url=url,
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
    if as_json:
        click.echo(json.dumps({"name": pack.name, "path": str(folder)}))
    else:
        _console.print(f"{pack.name} is in {folder}")


@models.command("export-clip", short_help="Export a CLIP model of open_clip for emotion recognition.")
@click.option(
    "--model", default="ViT-B-32", show_default=True, help="Model name in open_clip, or a JSON file."
)
@click.option(
    "--pretrained", required=True, metavar="FILE|TAG", help="File with the weights, or a tag in open_clip."
)
@click.option(
    "--allow-download", is_flag=True, help="Allow the weights of a tag to be downloaded from a model hub."
)
@_models_folder_option
@json_option
def export_clip(model: str, pretrained: str, models: Path, *, allow_download: bool, as_json: bool) -> None:
    """Export a CLIP model to the folder `clip` of the models folder, and check it against torch.

    Needs the extra: pip install 'framecloak[clip]'. The exported model runs without it. CLIP_EMOTIONS sets
    the emotions and CLIP_PROMPTS the prompts. Weights of OpenAI need a model whose name ends in -quickgelu.
    See the licence of the weights before you use them.
    """
    # Only this command needs the settings and Pillow.
    from framecloak.adapters.vision.emotions.clip_export import ClipSource, export  # noqa: PLC0415
    from framecloak.entrypoints.settings import Settings  # noqa: PLC0415

    settings = Settings.from_environment(os.environ)
    source = ClipSource(
        model,
        pretrained,
        emotions=settings.clip_emotions.split(","),
        prompts=settings.clip_prompts.split("|"),
        allow_download=allow_download,
    )
    description = export(source, models)
    folder = models / CLIP_FOLDER
    if as_json:
        click.echo(
            json.dumps({"model": description.model, "path": str(folder), "sha256": description.visual.sha256})
        )
    else:
        _console.print(
            f"{description.model} is in {folder} and distinguishes {', '.join(description.emotions)}"
        )


def _check_text_graphs() -> list[FileCheck]:
    """Check the graphs for text, which are used inside their wheel; empty if it is not installed."""
    checks = []
    for weights in (PP_OCR, PP_OCR_READER):
        try:
            checks.append(FileCheck(rapidocr_weights(weights), FileState.UNCHANGED))
        except ModelMissingError:
            return []
        except ModelCorruptError:
            checks.append(FileCheck(Path(weights.name), FileState.CHANGED))
    return checks
