"""An exported CLIP model: its files, preprocessing, batching and choice."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fakes.metrics import FakeModelMeter
from framecloak.adapters.vision.emotions import clip_files
from framecloak.adapters.vision.emotions.clip_onnx import (
    MAX_BATCH,
    ClipClassifier,
    OnnxEmotionReader,
    preprocess,
)
from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.weights.catalogue import FileState, installed_packs
from framecloak.domain.errors import (
    EmotionsUnavailableError,
    FrameAnalysisError,
    InvalidSettingError,
    ModelCorruptError,
    ModelMissingError,
)
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.entrypoints.cli.main import main
from framecloak.entrypoints.composition.emotions import choose_emotion_reader
from framecloak.entrypoints.settings import Settings
from support.samples import clip_models


def rewrite(folder: Path, **changes: object) -> None:
    description = json.loads((folder / "clip.json").read_text()) | changes
    (folder / "clip.json").write_text(json.dumps(description))


def settings(models: Path, **more: str) -> Settings:
    return Settings.from_environment({"MODEL_PATH": str(models), "FRAMECLOAK_PROVIDER": "cpu", **more})


def test_the_card_names_the_graph(tmp_path: Path) -> None:
    clip = ClipClassifier.load(clip_models.write_clip(tmp_path), Provider.CPU)
    assert clip.card.name == "clip/tiny"
    assert clip.card.sha256 == clip_files.read_description(tmp_path / "clip").visual.sha256


def test_a_missing_export_is_reported(tmp_path: Path) -> None:
    with pytest.raises(ModelMissingError, match="no CLIP") as missing:
        ClipClassifier.load(tmp_path / "clip", Provider.CPU)
    assert "framecloak models export-clip" in missing.value.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"size": 0},
        {"std": [0, 1, 1]},
        {"logit_scale": -1},
        {"emotions": ["happy"]},
        {"emotions": ["happy", "sad"]},
        {"size": 16},
        {"visual": {"name": "../visual.onnx", "sha256": "0" * 64}},
        {"text": {"name": "text-000000000000.npy", "sha256": "0" * 64}},
        {"unknown": 1},
    ],
    ids=repr,
)
def test_an_invalid_description_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    folder = clip_models.write_clip(tmp_path)
    rewrite(folder, **changes)
    with pytest.raises(ModelCorruptError):
        ClipClassifier.load(folder, Provider.CPU)


@pytest.mark.parametrize("pattern", ["clip.json", "visual-*", "text-*"])
def test_a_file_that_has_changed_is_refused(tmp_path: Path, pattern: str) -> None:
    folder = clip_models.write_clip(tmp_path)
    (path,) = folder.glob(pattern)
    path.write_bytes(path.read_bytes()[:-3])
    with pytest.raises(ModelCorruptError, match=path.name):
        ClipClassifier.load(folder, Provider.CPU)


def test_embeddings_that_are_not_numbers_are_refused(tmp_path: Path) -> None:
    folder = clip_models.write_clip(tmp_path)
    entry, data = clip_files.encode_text_embeddings(np.full((3, 3), np.nan, np.float32))
    (folder / entry.name).write_bytes(data)
    rewrite(folder, text=msgspec.to_builtins(entry))
    with pytest.raises(ModelCorruptError, match="one vector for each emotion"):
        ClipClassifier.load(folder, Provider.CPU)


def test_an_export_is_listed_and_verified_but_is_not_a_pack(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = clip_models.write_clip(tmp_path)
    assert installed_packs(tmp_path) == {}
    assert main(["models", "list", "--json", "--model-path", str(tmp_path)]) == 0
    (row,) = [row for row in json.loads(capsys.readouterr().out) if row["name"] == "clip"]
    assert (row["present"], row["path"]) == (True, str(folder))
    assert {check.state for check in clip_files.check_files(tmp_path)} == {FileState.UNCHANGED}
    next(folder.glob("visual-*")).write_bytes(b"something else")
    next(folder.glob("text-*")).unlink()
    assert main(["models", "verify", "--json", "--model-path", str(tmp_path)]) == 1
    states = [row["state"] for row in json.loads(capsys.readouterr().out)]
    assert [state for state in states if state != "unchanged"] == ["changed", "missing"]


@pytest.mark.parametrize(("height", "width"), [(8, 8), (9, 8), (8, 9), (31, 64), (500, 333), (3, 5), (1, 1)])
def test_preprocessing_crops_the_centre(height: int, width: int) -> None:
    columns = np.linspace(0, 255, width)
    image = np.broadcast_to(columns[None, :, None], (height, width, 3)).astype(np.uint8)
    prepared = preprocess(image, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    assert (prepared.shape, prepared.dtype) == ((3, 8, 8), np.float32)
    assert (np.diff(prepared[0].mean(axis=0)) >= 0).all()
    # The centre crop of an even number of pixels from an odd one is half a pixel off.
    assert abs(prepared.mean() - columns.mean() / 255) < 0.07
    assert np.ptp(prepared[0], axis=0).max() == 0


def test_a_very_long_image_needs_little_memory() -> None:
    line = np.zeros((1, 3_000_000, 3), np.uint8)
    line[:, 1_400_000:1_600_000] = 255
    assert preprocess(line, 8, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)).min() == 1


class CountingClip:
    """Classifier that blocks until it is released, and records the sizes of its calls."""

    emotions = clip_models.EMOTIONS

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.released = threading.Event()
        self.calls: list[int] = []
        self.broken = False

    async def has_begun(self) -> None:
        assert await asyncio.to_thread(self.begun.wait, 60)

    def classify(self, crops: list[Image]) -> FloatArray:
        self.calls.append(len(crops))
        self.begun.set()
        assert self.released.wait(60)
        if self.broken:
            raise FrameAnalysisError("the graph is broken")
        return clip_models.expected(crops)


async def test_callers_during_a_call_share_the_next_batches() -> None:
    clip = CountingClip()
    crops = [clip_models.face(clip_models.EMOTIONS[index % 3]) for index in range(1 + MAX_BATCH + 5)]
    async with OnnxEmotionReader(clip) as reader:  # type: ignore[arg-type]  # a stand-in
        reads = [asyncio.create_task(reader.read([crop])) for crop in crops]
        await clip.has_begun()
        clip.released.set()
        rows = await asyncio.gather(*reads)
    assert clip.calls == [1, MAX_BATCH, 5]
    np.testing.assert_allclose(np.concatenate(rows), clip_models.expected(crops))


async def test_too_many_callers_are_refused_and_a_broken_graph_is_reported() -> None:
    clip = CountingClip()
    face = clip_models.face("sad")
    async with OnnxEmotionReader(clip, max_waiting=2) as reader:  # type: ignore[arg-type]  # as above
        first = asyncio.create_task(reader.read([face]))
        await clip.has_begun()
        second = asyncio.create_task(reader.read([face]))
        await asyncio.sleep(0)
        with pytest.raises(EmotionsUnavailableError, match="waiting"):
            await reader.read([face] * 2)
        clip.broken = True
        clip.released.set()
        for read in (first, second):
            with pytest.raises(EmotionsUnavailableError, match="the graph is broken"):
                await read


async def test_the_service_is_preferred_to_the_export_and_both_are_optional(tmp_path: Path) -> None:
    async with choose_emotion_reader(settings(tmp_path)) as absent:
        assert absent is None
    clip_models.write_clip(tmp_path)
    meter = FakeModelMeter()
    async with choose_emotion_reader(settings(tmp_path), meter) as local:
        assert isinstance(local, OnnxEmotionReader)
        await local.read([clip_models.face("sad")])
    assert meter.sizes == [1]
    url = {"CLIP_SERVICE_URL": "http://127.0.0.1:9"}
    async with choose_emotion_reader(settings(tmp_path, **url)) as remote:
        assert remote is not None
        assert not isinstance(remote, OnnxEmotionReader)
        assert not await remote.is_available()


async def test_the_local_reader_opens_no_connection(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    attempts: list[object] = []

    def forbidden(*arguments: object, **_: object) -> None:
        attempts.append(arguments)
        raise AssertionError("a connection was opened")

    clip_models.write_clip(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", forbidden)
    monkeypatch.setattr(socket.socket, "connect_ex", forbidden)
    monkeypatch.setattr(socket, "getaddrinfo", forbidden)
    crops = [clip_models.face("sad")]
    async with choose_emotion_reader(settings(tmp_path)) as reader:
        assert reader is not None
        np.testing.assert_allclose(await reader.read(crops), clip_models.expected(crops), atol=1e-6)
    assert attempts == []
    with pytest.raises(AssertionError, match="was opened"):
        socket.create_connection(("127.0.0.1", 9))


def test_weights_are_downloaded_only_if_allowed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["models", "export-clip", "--pretrained", "openai", "--model-path", str(tmp_path / "models")]
    assert main(arguments) == 25
    assert "add --allow-download" in capsys.readouterr().err
    assert not (tmp_path / "models").exists()


def test_an_export_without_its_extra_is_refused_with_a_hint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    weights = tmp_path / "weights.pt"
    weights.write_bytes(b"")
    assert main(["models", "export-clip", "--pretrained", str(weights), "--model-path", str(tmp_path)]) == 39
    assert "pip install 'framecloak[clip]'" in capsys.readouterr().err


def test_an_invalid_list_of_emotions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingError, match="CLIP_EMOTIONS"):
        settings(tmp_path, CLIP_EMOTIONS="happy,")
