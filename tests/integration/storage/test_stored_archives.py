"""Single entries of ZIPs in an object store, and single frames of videos in ZIPs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from fakes.results import ISSUER
from fakes.storage import FakeObjectStore
from framecloak.adapters.media.pictures.encoder import OpenCvEncoder
from framecloak.adapters.media.pictures.redactor import OpenCvRedactor
from framecloak.adapters.media.sampling import OpenCvSampler
from framecloak.adapters.media.video.encoding.x264 import X264VideoEncoder
from framecloak.adapters.media.video.frame_extraction import extract_frame
from framecloak.adapters.media.video.source import open_video
from framecloak.adapters.media.zip.archive import ZipArchive
from framecloak.adapters.storage import stored_archives
from framecloak.adapters.storage.stored_archives import StoredZips
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.errors import ObjectNotFoundError
from framecloak.domain.model.segments import Segment
from support.samples.media import read_number, write_video
from support.use_cases import chunks

KEY = "requests/one/frames.zip"


class CountingStore(FakeObjectStore):
    """Store that counts the bytes that were read."""

    read_bytes = 0

    async def read(
        self, key: str, start: int = 0, stop: int | None = None, *, version: str | None = None
    ) -> AsyncIterator[bytes]:
        async for chunk in super().read(key, start, stop, version=version):
            self.read_bytes += len(chunk)
            yield chunk


async def stored(tmp_path: Path, contents: dict[str, bytes]) -> CountingStore:
    store, path = CountingStore(), tmp_path / "a.zip"
    with ZipArchive(path) as archive:
        for name, data in contents.items():
            if name.endswith(".html"):
                archive.add_stream(name, iter([data]))
            else:
                archive.add(name, data)
        archive.commit()
    await store.put_file(KEY, path)
    return store


async def version_of(store: CountingStore, key: str = KEY) -> str:
    return (await store.stat(key)).version


CONTENTS = {f"frames/{n:03d}.jpg": bytes([n]) * (n * 50) for n in range(100)} | {"ré.html": b"<p>" * 999}


@pytest.mark.parametrize("tail", [1, 100, 3000, 1 << 20])
async def test_every_entry_can_be_read(tmp_path: Path, tail: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_archives, "_TAIL_BYTES", tail)
    store = await stored(tmp_path, CONTENTS)
    zips, version = StoredZips(store), await version_of(store)
    for name, data in CONTENTS.items():
        assert await zips.read(KEY, name, version) == data


async def test_only_the_requested_entry_is_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored_archives, "_TAIL_BYTES", 10_000)
    store = await stored(tmp_path, CONTENTS)
    zips, version = StoredZips(store), await version_of(store)
    await zips.read(KEY, "frames/002.jpg", version)
    assert store.read_bytes < 12_000 < len(store.objects[KEY]) / 10
    before = store.read_bytes
    await zips.read(KEY, "frames/003.jpg", version)
    assert store.read_bytes - before < 500


async def test_damaged_and_missing_entries_are_reported(tmp_path: Path) -> None:
    store = await stored(tmp_path, CONTENTS)
    zips, version = StoredZips(store), await version_of(store)
    with pytest.raises(ObjectNotFoundError):
        await zips.read(KEY, "frames/200.jpg", version)
    with pytest.raises(ObjectNotFoundError):
        await zips.read("requests/two/frames.zip", "frames/001.jpg", version)
    data = store.objects[KEY]
    position = data.index(b"\x05" * 250)
    store.objects[KEY] = data[:position] + b"x" + data[position + 1 :]
    with pytest.raises(ObjectNotFoundError, match="damaged"):
        await zips.read(KEY, "frames/005.jpg", await version_of(store))
    for content in (b"", b"zip", data[: len(data) // 2], b"PK\x05\x06" + bytes(18), data[:-22] + bytes(22)):
        await store.put("other", chunks(content))
        with pytest.raises(ObjectNotFoundError):
            await StoredZips(store).read("other", "frames/001.jpg", await version_of(store, "other"))


async def test_entries_of_another_version_are_not_read(tmp_path: Path) -> None:
    """Neither when its directory is known from the version before, nor when it is not."""
    store = await stored(tmp_path, CONTENTS)
    zips, version = StoredZips(store), await version_of(store)
    assert await zips.read(KEY, "frames/005.jpg", version)
    other = {name: bytes(len(data)) for name, data in CONTENTS.items()}
    (tmp_path / "a.zip").unlink()
    replaced = await stored(tmp_path, other)
    store.objects[KEY] = replaced.objects[KEY]
    for reader in (zips, StoredZips(store)):
        with pytest.raises(ObjectNotFoundError, match="replaced"):
            await reader.read(KEY, "frames/005.jpg", version)
        assert await reader.read(KEY, "frames/005.jpg", await version_of(store)) == other["frames/005.jpg"]


@pytest.fixture(scope="module")
def archive_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a result with frames 10 to 129 of a video whose frames show their number modulo 64."""
    folder = tmp_path_factory.mktemp("videos")
    source = open_video(write_video(folder / "numbered.mp4", 140))
    export_source = ExportSource(0, source, None, str, (Segment(10, 130),))
    job = ExportJob(ISSUER, Level.MINIMAL, Appearance(OutputFormat.MP4), group_sources([export_source]))
    tools = PipelineTools(
        None, OpenCvRedactor(), OpenCvEncoder(), OpenCvSampler(), 2, video_encoder=X264VideoEncoder(folder)
    )
    with ZipArchive(folder / "out.zip") as archive:
        job.run(tools, archive, lambda: None)
    return folder / "out.zip"


@pytest.mark.parametrize("position", [0, 1, 47, 48, 49, 100, 119])
def test_a_frame_of_a_video_is_extracted(archive_path: Path, position: int) -> None:
    data = extract_frame(archive_path, "films/film_0000010.mp4", position)
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert read_number(np.asarray(image, np.uint8)) == (position + 10) % 64


@pytest.mark.parametrize(("name", "position"), [("films/film_0000010.mp4", 120), ("films/other.mp4", 0)])
def test_a_missing_frame_is_not_found(archive_path: Path, name: str, position: int) -> None:
    with pytest.raises(ObjectNotFoundError):
        extract_frame(archive_path, name, position)
    with pytest.raises(ObjectNotFoundError):
        extract_frame(archive_path.with_name("none.zip"), name, position)
    with pytest.raises(ObjectNotFoundError):
        extract_frame(archive_path.with_name("numbered.mp4"), name, position)
