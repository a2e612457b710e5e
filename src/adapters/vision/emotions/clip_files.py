"""An exported CLIP on disk: the visual tower, the emotions in its space, and what describes both."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from framecloak.adapters.vision.weights.catalogue import (
    CLIP_FOLDER,
    FileCheck,
    FileState,
    sha256_of,
    write_atomically,
)
from framecloak.domain.errors import ModelCorruptError, ModelMissingError
from framecloak.domain.imaging.detections import FloatArray

DESCRIPTION = "clip.json"

_EXPORT_AGAIN = "run `framecloak models export-clip` again"
_LONGEST_NAME = 100

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(pattern=r"^[a-z]+-[0-9a-f]{12}\.[a-z]+$")]
Channels = tuple[float, float, float]


class ExportedFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file beside the description.

    Attributes:
        name: in the same folder.
        sha256: hex digest of its bytes.
    """

    name: FileName
    sha256: Digest


class ClipDescription(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What ``clip.json`` says.

    Attributes:
        version: of this format.
        model: name of the architecture, as open_clip has it.
        weights: the tag or the file name that the weights came under.
        weights_sha256: hex digest of that file; None for a tag.
        size: width and height in pixels that the visual tower takes.
        mean: of red, green and blue in 0..1; subtracted.
        std: likewise; divided by.
        logit_scale: what cosines are multiplied by before the softmax.
        emotions: in the order of the rows of ``text``.
        prompts: templates that were averaged, with ``{emotion}`` in them.
        visual: the graph from (n, 3, size, size) to (n, dimension) of unit length.
        text: (emotions, dimension) float32 of unit length, as NumPy stores it.
    """

    version: Literal[1] = 1
    model: Annotated[str, Meta(min_length=1, max_length=_LONGEST_NAME)]
    weights: str
    weights_sha256: Digest | None
    size: Annotated[int, Meta(ge=1, le=4096)]
    mean: Channels
    std: tuple[Annotated[float, Meta(gt=0)], Annotated[float, Meta(gt=0)], Annotated[float, Meta(gt=0)]]
    logit_scale: Annotated[float, Meta(gt=0)]
    emotions: Annotated[tuple[str, ...], Meta(min_length=2)]
    prompts: Annotated[tuple[str, ...], Meta(min_length=1)]
    visual: ExportedFile
    text: ExportedFile


def named_by_content(kind: str, suffix: str, digest: str) -> ExportedFile:
    """How a file is called whose content is known: an export never writes over the one that is in use."""
    return ExportedFile(name=f"{kind}-{digest[:12]}.{suffix}", sha256=digest)


def text_file(embeddings: FloatArray) -> tuple[ExportedFile, bytes]:
    """The embeddings of the emotions as a file.

    Args:
        embeddings: (emotions, dimension) float32 of unit length.
    """
    buffer = io.BytesIO()
    np.save(buffer, embeddings, allow_pickle=False)
    data = buffer.getvalue()
    return named_by_content("text", "npy", hashlib.sha256(data).hexdigest()), data


def write_description(folder: Path, description: ClipDescription) -> None:
    """Write ``clip.json``: from now on the export is what it names.

    Raises:
        OSError: the folder cannot be written to, or the disk is full.
    """
    data = msgspec.json.format(msgspec.json.encode(description), indent=2) + b"\n"
    write_atomically(folder / DESCRIPTION, data)


def read_description(folder: Path) -> ClipDescription:
    """What ``clip.json`` in the folder says.

    Raises:
        ModelMissingError: there is none.
        ModelCorruptError: it is not what an export writes.
    """
    path = folder / DESCRIPTION
    try:
        return msgspec.json.decode(path.read_bytes(), type=ClipDescription)
    except FileNotFoundError as error:
        raise ModelMissingError(
            f"there is no CLIP in {folder}", "run `framecloak models export-clip`"
        ) from error
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelCorruptError(f"{path} cannot be read: {error}", _EXPORT_AGAIN) from error


def is_exported(models: Path) -> bool:
    """Whether there is an export in the models folder."""
    return (models / CLIP_FOLDER / DESCRIPTION).is_file()


def verified_file(folder: Path, file: ExportedFile) -> Path:
    """The path of an exported file whose bytes are those that were written.

    Raises:
        ModelCorruptError: they are not, or there is no such file.
    """
    path = folder / file.name
    if _state(path, file.sha256) is not FileState.UNCHANGED:
        raise ModelCorruptError(f"{path} is not the file that was exported", _EXPORT_AGAIN)
    return path


def read_text(folder: Path, description: ClipDescription) -> FloatArray:
    """The embeddings of the emotions: (emotions, dimension) float32.

    Raises:
        ModelCorruptError: the file is not what was exported.
    """
    path = verified_file(folder, description.text)
    try:
        embeddings: FloatArray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise ModelCorruptError(f"{path} cannot be read: {error}", _EXPORT_AGAIN) from error
    fits = embeddings.ndim == 2 and embeddings.dtype == np.float32
    if not fits or len(embeddings) != len(description.emotions) or not np.isfinite(embeddings).all():
        raise ModelCorruptError(f"{path} does not have one vector for each emotion", _EXPORT_AGAIN)
    return embeddings


def check_files(models: Path) -> Iterator[FileCheck]:
    """Rehash an export, if there is one.

    Raises:
        ModelCorruptError: its description cannot be read.
    """
    if is_exported(models):
        folder = models / CLIP_FOLDER
        description = read_description(folder)
        for file in (description.visual, description.text):
            yield FileCheck(folder / file.name, _state(folder / file.name, file.sha256))


def remove_others(folder: Path, description: ClipDescription) -> None:
    """Remove what earlier exports have left."""
    current = {description.visual.name, description.text.name}
    for path in (*folder.glob("visual-*.onnx"), *folder.glob("text-*.npy")):
        if path.name not in current:
            path.unlink(missing_ok=True)


def _state(path: Path, digest: str) -> FileState:
    if not path.is_file():
        return FileState.MISSING
    return FileState.UNCHANGED if sha256_of(path) == digest else FileState.CHANGED
