"""Export of an open_clip model to the files that ``clip_onnx`` serves; the only module that uses torch.

The export runs once, on any machine. The service itself needs neither torch nor a network.
"""

from __future__ import annotations

import contextlib
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as Pillow

from framecloak.adapters.vision.emotions.clip_files import (
    ClipDescription,
    ExportedFile,
    content_addressed_file,
    encode_text_embeddings,
    remove_other_exports,
    write_description,
)
from framecloak.adapters.vision.emotions.clip_onnx import ClipClassifier
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.weights.catalogue import CLIP_FOLDER
from framecloak.adapters.vision.weights.files import sha256_of
from framecloak.domain.errors import InvalidOptionError, ModelExportError, OutputUnwritableError
from framecloak.domain.imaging.detections import FloatArray, Image

TOLERANCE = 1e-4
"""Maximum difference between the probabilities of the graph and those of torch."""

_CONFIG_SUFFIX = ".json"
_TEST_IMAGE_SIZES = ((48, 64), (300, 200), (224, 224), (7, 31), (640, 480))
"""Heights and widths of the random images that an export is tested with, in pixels."""

_OFFLINE_VARIABLES = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}


@dataclass(frozen=True, slots=True)
class ClipSource:
    """Parameters of a CLIP export.

    Attributes:
        model: name of an open_clip architecture, or path of a JSON file in open_clip's format.
        pretrained: path of a weights file, or an open_clip tag for weights to download.
        emotions: emotions to distinguish, in the order of the probabilities.
        prompts: prompt templates that contain ``{emotion}``; their embeddings are averaged.
        allow_download: True if the weights of a tag may be downloaded from a model hub.
    """

    model: str
    pretrained: str
    emotions: Sequence[str]
    prompts: Sequence[str]
    allow_download: bool = False


def export(source: ClipSource, models: Path) -> ClipDescription:
    """Write the visual tower, the prompt embeddings and a description to the models folder's ``clip`` folder.

    The files are loaded again, and their probabilities for some images are compared with those of torch. Only
    then do they replace an earlier export. A running service keeps the export that it has loaded.

    Args:
        source: parameters of the export.
        models: models folder.

    Raises:
        InvalidOptionError: the model is unknown, or its weights need a download that is not allowed.
        ModelExportError: the extra is not installed, the weights do not fit the model, or the results of
            the graph differ from those of the model.
        OutputUnwritableError: the folder is not writable.
    """
    _require_local(source)
    if not source.allow_download:
        # The hub's library reads these variables when it is imported, which happens below.
        os.environ.update(_OFFLINE_VARIABLES)
    open_clip = _open_clip()
    try:
        models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".clip-", dir=models) as scratch, _quiet():
            description = _export(open_clip, source, Path(scratch))
            _publish(description, Path(scratch), models / CLIP_FOLDER)
    except PermissionError as error:
        raise OutputUnwritableError(
            f"{models} cannot be written to", "choose another --model-path"
        ) from error
    return description


def _require_local(source: ClipSource) -> None:
    if source.allow_download or Path(source.pretrained).is_file():
        return
    raise InvalidOptionError(
        f"there is no file {source.pretrained}, and a tag would have to be downloaded",
        "name a file with the weights, or add --allow-download where a model hub can be reached",
    )


def _open_clip() -> Any:  # noqa: ANN401 - a module without type hints
    try:
        import onnxscript  # noqa: F401, PLC0415 - what the exporter of torch needs
        import open_clip  # noqa: PLC0415 - an extra, and several seconds
    except ImportError as error:
        raise ModelExportError(
            f"the extra for exporting CLIP is not installed ({error.name} is missing)",
            "run `pip install 'framecloak[clip]'`",
        ) from error
    return open_clip


def _export(open_clip: Any, source: ClipSource, folder: Path) -> ClipDescription:  # noqa: ANN401 - as above
    import torch  # noqa: PLC0415 - an extra, and several seconds

    name = _model_name(open_clip, source.model)
    model, transform = _load(open_clip, name, source)
    with torch.inference_mode():
        text = _text_embeddings(model, open_clip.get_tokenizer(name), source)
        scale = float(model.logit_scale.exp())
    visual = _write_visual(model, folder)
    text_entry, text_data = encode_text_embeddings(text)
    (folder / text_entry.name).write_bytes(text_data)
    weights = Path(source.pretrained)
    config = open_clip.get_model_preprocess_cfg(model)
    description = ClipDescription(
        model=name,
        weights=weights.name,
        weights_sha256=sha256_of(weights) if weights.is_file() else None,
        size=_input_side(config, name),
        mean=config["mean"],
        std=config["std"],
        logit_scale=scale,
        emotions=tuple(source.emotions),
        prompts=tuple(source.prompts),
        visual=visual,
        text=text_entry,
    )
    write_description(folder, description)
    _require_same_probabilities(
        ClipClassifier.load(folder, Provider.CPU), model, transform, text * np.float32(scale)
    )
    return description


def _model_name(open_clip: Any, model: str) -> str:  # noqa: ANN401 - as above
    """Return the open_clip name of the architecture, after registering it if it is a JSON file."""
    path = Path(model)
    if path.suffix == _CONFIG_SUFFIX and path.is_file():
        open_clip.add_model_config(path)
        if path.stem not in open_clip.list_models():
            raise InvalidOptionError(
                f"{model} does not describe a model of open_clip", "see its model_configs"
            )
        return path.stem
    if model not in open_clip.list_models():
        raise InvalidOptionError(
            f"open_clip has no model {model}", "see open_clip.list_models(), or name a JSON file"
        )
    return model


def _load(open_clip: Any, name: str, source: ClipSource) -> tuple[Any, Any]:  # noqa: ANN401 - as above
    """Load the model in evaluation mode, and its preprocessing transform."""
    if not Path(source.pretrained).is_file():
        tags = open_clip.list_pretrained_tags_by_model(name)
        if source.pretrained not in tags:
            raise InvalidOptionError(
                f"there is neither a file nor a tag {source.pretrained} for {name}",
                f"choose one of {', '.join(tags)}" if tags else "name a file with the weights",
            )
    try:
        model, transform = open_clip.create_model_from_pretrained(name, pretrained=source.pretrained)
    except Exception as error:
        # An unsuitable file can raise anything: open_clip's own assertions, or errors of pickle and torch.
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise ModelExportError(
            f"{source.pretrained} cannot be loaded as {name}: {reason}",
            "give the --model that the weights were trained with",
        ) from error
    return model.eval(), transform


def _text_embeddings(model: Any, tokenizer: Any, source: ClipSource) -> FloatArray:  # noqa: ANN401 - as above
    """Compute the mean direction of each emotion's prompts: (emotions, dimension) float32, unit length."""
    rows = []
    for emotion in source.emotions:
        prompts = [prompt.replace("{emotion}", emotion) for prompt in source.prompts]
        mean = model.encode_text(tokenizer(prompts), normalize=True).float().mean(0)
        rows.append((mean / mean.norm()).numpy())
    return np.stack(rows).astype(np.float32)


def _write_visual(model: Any, folder: Path) -> ExportedFile:  # noqa: ANN401 - as above
    """Export the visual tower as a graph with a dynamic batch size and outputs of unit length."""
    import torch  # noqa: PLC0415 - as above

    class Visual(torch.nn.Module):  # type: ignore[misc]  # has no type hints where torch is not installed
        def __init__(self) -> None:
            super().__init__()
            self.tower = model.visual

        def forward(self, pixels: Any) -> Any:  # noqa: ANN401 - as above
            return torch.nn.functional.normalize(self.tower(pixels), dim=-1)

    height, width = np.broadcast_to(model.visual.image_size, 2).tolist()
    path = folder / "visual.onnx"
    try:
        with torch.no_grad():
            torch.onnx.export(
                Visual().eval(),
                # A batch of two, because the exporter treats a dimension of one as constant.
                (torch.zeros(2, 3, height, width),),
                path,
                dynamo=True,
                dynamic_shapes=({0: torch.export.Dim("batch")},),
                input_names=["pixels"],
                output_names=["features"],
                external_data=False,
                verbose=False,
            )
    except (RuntimeError, ValueError) as error:
        reason = str(error).strip().partition("\n")[0]
        raise ModelExportError(f"torch cannot write the visual tower as a graph: {reason}") from error
    visual = content_addressed_file("visual", "onnx", sha256_of(path))
    path.rename(folder / visual.name)
    return visual


def _input_side(config: dict[str, Any], name: str) -> int:
    """Return the side of the square images that the model accepts, in pixels.

    Raises:
        ModelExportError: the model needs a preprocessing that is not supported.
    """
    height, width = np.broadcast_to(config["size"], 2).tolist()
    supported = {"mode": "RGB", "interpolation": "bicubic", "resize_mode": "shortest"}
    if height != width or any(config[key] != value for key, value in supported.items()):
        raise ModelExportError(
            f"{name} needs an image preprocessing that is not supported",
            "choose a model that resizes the shorter side bicubically and crops to a square",
        )
    return int(height)


def _require_same_probabilities(
    clip: ClipClassifier,
    model: Any,  # noqa: ANN401 - as above
    transform: Any,  # noqa: ANN401 - as above
    weights: FloatArray,
) -> None:
    """Compare the probabilities of an export with those of the model.

    Raises:
        ModelExportError: they differ by more than `TOLERANCE`.
    """
    import torch  # noqa: PLC0415 - as above

    random = np.random.default_rng(0)
    images: list[Image] = [random.integers(0, 256, (*shape, 3), np.uint8) for shape in _TEST_IMAGE_SIZES]
    with torch.inference_mode():
        pixels = torch.stack([transform(Pillow.fromarray(image)) for image in images])
        logits = model.encode_image(pixels, normalize=True) @ torch.from_numpy(weights).T
        expected = logits.softmax(-1).numpy()
    difference = max(
        float(np.abs(clip.classify(images) - expected).max()),
        float(np.abs(clip.classify(images[:1]) - expected[:1]).max()),
    )
    # Written like this, the comparison also rejects NaN.
    if not difference <= TOLERANCE:
        raise ModelExportError(
            f"the graph's probabilities differ by {difference:.1g} from those of the model",
            "report it, with the model's name",
        )


def _publish(description: ClipDescription, scratch: Path, folder: Path) -> None:
    """Move an export to its final folder; writing the description last activates it."""
    folder.mkdir(exist_ok=True)
    for file in (description.visual, description.text):
        (scratch / file.name).replace(folder / file.name)
    write_description(folder, description)
    remove_other_exports(folder, description)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the logs, warnings and standard output of the exporter and open_clip."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(None):
            warnings.simplefilter("ignore")
            yield
    finally:
        root.setLevel(level)
