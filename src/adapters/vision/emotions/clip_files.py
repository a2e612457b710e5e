"""Files of an exported CLIP: the visual tower, the embeddings of the emotions, and their description."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import numpy as np
from msgspec import Meta, Struct

from framecloak.adapters.vision.weights.catalogue import CLIP_FOLDER, FileCheck, FileState
from framecloak.adapters.vision.weights.files import sha256_of, write_atomically
from framecloak.domain.errors import ModelCorruptError, ModelMissingError
from framecloak.domain.imaging.detections import FloatArray

DESCRIPTION_FILE = "clip.json"

_EXPORT_AGAIN = "run `framecloak models export-clip` again"
_MAX_NAME_LENGTH = 100

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
FileName = Annotated[str, Meta(pattern=r"^[a-z]+-[0-9a-f]{12}\.[a-z]+$")]
Channels = tuple[float, float, float]


class ExportedFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Reference to a file of an export.

    Attributes:
        name: file name, in the folder of the description.
        sha256: hex digest of the content.
    """

    name: FileName
    sha256: Digest


class ClipDescription(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Content of ``clip.json``, the description of an export.

    Attributes:
        version: version of this format.
        model: open_clip's name of the architecture.
        weights: open_clip tag or file name of the weights.
        weights_sha256: hex digest of the weights file; None for a tag.
        size: width and height of the visual tower's input in pixels.
        mean: means of red, green and blue in 0..1, subtracted from pixels.
        std: standard deviations of red, green and blue in 0..1, by which pixels are divided.
        logit_scale: factor for cosine similarities before the softmax.
        emotions: names of the emotions, in the order of the rows of ``text``.
        prompts: prompt templates that contain ``{emotion}`` and whose embeddings were averaged.
        visual: graph that maps (n, 3, size, size) to (n, dimension) of unit length.
        text: NumPy file with (emotions, dimension) float32 of unit length.
    """

    version: Literal[1] = 1
    model: Annotated[str, Meta(min_length=1, max_length=_MAX_NAME_LENGTH)]
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


def content_addressed_file(kind: str, suffix: str, digest: str) -> ExportedFile:
    """Name a file after its content, so that an export never overwrites a file that is in use."""
    return ExportedFile(name=f"{kind}-{digest[:12]}.{suffix}", sha256=digest)


def encode_text_embeddings(embeddings: FloatArray) -> tuple[ExportedFile, bytes]:
    """Serialise the embeddings of the emotions.

    Args:
        embeddings: (emotions, dimension) float32 of unit length.

    Returns:
        The reference to the file, and its content.
    """
    buffer = io.BytesIO()
    np.save(buffer, embeddings, allow_pickle=False)
    data = buffer.getvalue()
    return content_addressed_file("text", "npy", hashlib.sha256(data).hexdigest()), data


def write_description(folder: Path, description: ClipDescription) -> None:
    """Write ``clip.json``, which activates the files that it names.

    Raises:
        OSError: the folder is not writable, or the disk is full.
    """
    data = msgspec.json.format(msgspec.json.encode(description), indent=2) + b"\n"
    write_atomically(folder / DESCRIPTION_FILE, data)


def read_description(folder: Path) -> ClipDescription:
    """Read ``clip.json`` from a folder.

    Raises:
        ModelMissingError: there is no such file.
        ModelCorruptError: the file cannot be read or is not a valid description.
    """
    path = folder / DESCRIPTION_FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=ClipDescription)
    except FileNotFoundError as error:
        raise ModelMissingError(
            f"there is no CLIP in {folder}", "run `framecloak models export-clip`"
        ) from error
    except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ModelCorruptError(f"{path} cannot be read: {error}", _EXPORT_AGAIN) from error


def is_exported(models: Path) -> bool:
    """Return True if the models folder contains an export."""
    return (models / CLIP_FOLDER / DESCRIPTION_FILE).is_file()


def verified_file(folder: Path, file: ExportedFile) -> Path:
    """Return the path of an exported file after checking its digest.

    Raises:
        ModelCorruptError: the file does not exist, or its digest differs.
    """
    path = folder / file.name
    if _file_state(path, file.sha256) is not FileState.UNCHANGED:
        raise ModelCorruptError(f"{path} is not the file that was exported", _EXPORT_AGAIN)
    return path


def read_text_embeddings(folder: Path, description: ClipDescription) -> FloatArray:
    """Read the embeddings of the emotions, (emotions, dimension) float32.

    Raises:
        ModelCorruptError: the file has changed since the export, or does not fit the description.
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
    """Verify the digests of an export's files. Without an export, yield nothing.

    Raises:
        ModelCorruptError: the description cannot be read.
    """
    if is_exported(models):
        folder = models / CLIP_FOLDER
        description = read_description(folder)
        for file in (description.visual, description.text):
            yield FileCheck(folder / file.name, _file_state(folder / file.name, file.sha256))


def remove_other_exports(folder: Path, description: ClipDescription) -> None:
    """Remove the files of earlier exports."""
    current = {description.visual.name, description.text.name}
    for path in (*folder.glob("visual-*.onnx"), *folder.glob("text-*.npy")):
        if path.name not in current:
            path.unlink(missing_ok=True)


def _file_state(path: Path, digest: str) -> FileState:
    if not path.is_file():
        return FileState.MISSING
    return FileState.UNCHANGED if sha256_of(path) == digest else FileState.CHANGED
