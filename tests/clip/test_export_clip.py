"""Export of a tiny CLIP with random weights: torch, the graph and the service give equal results."""

from __future__ import annotations

import json
import logging
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import open_clip
import pytest
import torch
from PIL import Image as Pillow

from framecloak.adapters.vision.emotions import clip_export
from framecloak.adapters.vision.emotions.clip_export import ClipSource, export
from framecloak.adapters.vision.emotions.clip_files import read_description, read_text_embeddings
from framecloak.adapters.vision.emotions.clip_http import HttpEmotionReader
from framecloak.adapters.vision.emotions.clip_onnx import ClipClassifier, OnnxEmotionReader, preprocess
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.domain.errors import InvalidOptionError, ModelExportError
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.entrypoints.cli.main import main
from framecloak.entrypoints.clip.app import create_clip_app
from framecloak.entrypoints.clip.config import ClipServiceConfig

CONFIGURATION = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}
EMOTIONS = ("happy", "sad", "angry", "surprised", "fearful", "disgusted", "neutral")
PROMPTS = ("a photo of a {emotion} face", "a face that looks {emotion}")


@dataclass(frozen=True)
class Tiny:
    """A checkpoint and its configuration for open_clip.

    Attributes:
        configuration: JSON file of the architecture.
        weights: checkpoint.
        models: folder that it is exported to.
    """

    configuration: Path
    weights: Path
    models: Path

    @property
    def source(self) -> ClipSource:
        return ClipSource(str(self.configuration), str(self.weights), EMOTIONS, PROMPTS)

    @property
    def folder(self) -> Path:
        return self.models / "clip"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Tiny:
    folder = tmp_path_factory.mktemp("tiny")
    paths = Tiny(folder / "tiny-for-tests.json", folder / "weights.pt", folder / "models")
    paths.configuration.write_text(json.dumps(CONFIGURATION))
    open_clip.add_model_config(paths.configuration)
    torch.manual_seed(7)
    model = open_clip.create_model("tiny-for-tests")
    with torch.no_grad():
        # Random towers give nearly equal answers; a high scale makes them clearly different.
        model.logit_scale.fill_(np.log(40))
    torch.save(model.state_dict(), paths.weights)
    environment = {"CLIP_PROMPTS": "|".join(PROMPTS), "CLIP_EMOTIONS": ",".join(EMOTIONS)}
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        code = main(
            [
                *("models", "export-clip", "--model", str(paths.configuration)),
                *("--pretrained", str(paths.weights), "--model-path", str(paths.models)),
            ]
        )
    assert code == 0
    return paths


@pytest.fixture(scope="module")
def model(tiny: Tiny) -> tuple[Any, Any]:
    """Load the model and its image transform with open_clip."""
    loaded, transform = open_clip.create_model_from_pretrained("tiny-for-tests", pretrained=str(tiny.weights))
    return loaded.eval(), transform


def sample_images() -> list[Image]:
    random = np.random.default_rng(11)
    shapes = [(32, 32), (33, 47), (200, 90), (90, 201), (640, 480), (9, 12), (31, 32), (112, 112), (1, 4)]
    noise = [random.integers(0, 256, (*shape, 3), np.uint8) for shape in shapes]
    rows, columns = np.mgrid[0:240, 0:180]
    smooth = np.stack([rows, columns, rows + columns], axis=-1) % 256
    return [*noise, smooth.astype(np.uint8)]


def by_torch(model: tuple[Any, Any], crops: list[Image]) -> FloatArray:
    """Zero-shot classification as open_clip's own documentation does it."""
    clip, transform = model
    tokenizer = open_clip.get_tokenizer("tiny-for-tests")
    with torch.inference_mode():
        images = torch.stack([transform(Pillow.fromarray(crop)) for crop in crops])
        columns = []
        for emotion in EMOTIONS:
            prompts = clip.encode_text(tokenizer([prompt.format(emotion=emotion) for prompt in PROMPTS]))
            prompts /= prompts.norm(dim=-1, keepdim=True)
            mean = prompts.mean(dim=0)
            columns.append(mean / mean.norm())
        features = clip.encode_image(images)
        features /= features.norm(dim=-1, keepdim=True)
        logits = clip.logit_scale.exp() * features @ torch.stack(columns, dim=1)
        probabilities: FloatArray = logits.softmax(dim=-1).numpy()
    return probabilities


def test_images_are_preprocessed_as_by_open_clip(model: tuple[Any, Any], tiny: Tiny) -> None:
    description = read_description(tiny.folder)
    for image in sample_images():
        expected = model[1](Pillow.fromarray(image)).numpy()
        prepared = preprocess(image, description.size, description.mean, description.std)
        np.testing.assert_allclose(prepared, expected, atol=1e-6)


async def test_torch_the_graph_and_the_service_agree(model: tuple[Any, Any], tiny: Tiny) -> None:
    crops = sample_images()
    expected = by_torch(model, crops)
    # Otherwise answers that do not depend on the image would pass.
    assert np.ptp(expected, axis=0).max() > 0.02
    async with await OnnxEmotionReader.open(tiny.models, Provider.CPU) as local:
        assert local.emotions == EMOTIONS
        np.testing.assert_allclose(await local.read(crops), expected, atol=1e-4)
        for crop, row in zip(crops, expected, strict=True):
            np.testing.assert_allclose((await local.read([crop]))[0], row, atol=1e-4)
        app = create_clip_app(local, ClipServiceConfig(local.card))
        async with HttpEmotionReader("http://clip.test", transport=httpx.ASGITransport(app)) as remote:
            np.testing.assert_allclose(await remote.read(crops), expected, atol=1e-4)
            assert remote.emotions == EMOTIONS


def test_the_description_matches_the_export(tiny: Tiny) -> None:
    description = read_description(tiny.folder)
    assert (description.model, description.weights) == ("tiny-for-tests", "weights.pt")
    assert description.size == 32
    assert description.prompts == PROMPTS
    assert abs(description.logit_scale - 40) < 1e-3
    text = read_text_embeddings(tiny.folder, description)
    assert text.shape == (7, 16)
    np.testing.assert_allclose(np.linalg.norm(text, axis=1), 1, atol=1e-6)
    assert sorted(path.name for path in tiny.folder.iterdir()) == sorted(
        ["clip.json", description.text.name, description.visual.name]
    )
    assert [path.name for path in tiny.models.iterdir()] == ["clip"]


def test_an_export_replaces_the_previous_one_unless_it_fails(tiny: Tiny, tmp_path: Path) -> None:
    export(tiny.source, tmp_path)
    before = {path.name: path.read_bytes() for path in (tmp_path / "clip").iterdir()}
    broken = tmp_path / "broken.pt"
    broken.write_bytes(tiny.weights.read_bytes()[:5000])
    with pytest.raises(ModelExportError, match="cannot be loaded as tiny-for-tests"):
        export(ClipSource(str(tiny.configuration), str(broken), EMOTIONS, PROMPTS), tmp_path)
    assert {path.name: path.read_bytes() for path in (tmp_path / "clip").iterdir()} == before
    emotions = ("awake", "asleep")
    export(ClipSource(str(tiny.configuration), str(tiny.weights), emotions, PROMPTS), tmp_path)
    assert ClipClassifier.load(tmp_path / "clip", Provider.CPU).emotions == emotions
    assert len(list((tmp_path / "clip").iterdir())) == 3


def test_a_graph_with_other_results_is_discarded(
    tiny: Tiny, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classify = clip_export.ClipClassifier.classify
    monkeypatch.setattr(
        clip_export.ClipClassifier, "classify", lambda *arguments: classify(*arguments) + np.float32(2e-4)
    )
    with pytest.raises(ModelExportError, match="from those of the model"):
        export(tiny.source, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_model_are_refused(tiny: Tiny, tmp_path: Path) -> None:
    with pytest.raises(ModelExportError, match="cannot be loaded as ViT-S-32-alt"):
        export(ClipSource("ViT-S-32-alt", str(tiny.weights), EMOTIONS, PROMPTS), tmp_path)


@pytest.mark.parametrize(
    ("model", "pretrained", "message"),
    [
        ("ViT-B-33", "weights", "has no model ViT-B-33"),
        ("hf-hub:user/model", "weights", "has no model hf-hub"),
        ("ViT-B-32", "no-such-tag", "neither a file nor a tag"),
    ],
)
def test_an_unknown_model_or_tag_is_named(
    tiny: Tiny, tmp_path: Path, model: str, pretrained: str, message: str
) -> None:
    weights = str(tiny.weights) if pretrained == "weights" else pretrained
    with pytest.raises(InvalidOptionError, match=message):
        export(ClipSource(model, weights, EMOTIONS, PROMPTS, allow_download=True), tmp_path)


def test_an_export_prints_only_its_result_and_opens_no_connection(
    tiny: Tiny, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise AssertionError("a connection was opened")

    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    level = logging.getLogger().level
    arguments = ["--model", str(tiny.configuration), "--pretrained", str(tiny.weights), "--json"]
    assert main(["models", "export-clip", *arguments, "--model-path", str(tmp_path)]) == 0
    output = capfd.readouterr()
    assert json.loads(output.out)["model"] == "tiny-for-tests"
    assert output.err == ""
    assert logging.getLogger().level == level
