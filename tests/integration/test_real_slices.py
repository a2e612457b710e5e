"""Slices of a film with faces, found by the detector that ships: the bytes are those of one go."""

from __future__ import annotations

from pathlib import Path

import pytest

from adapters.media.archive import ZipArchive, ZipReader
from adapters.media.probing import PyAvProber, keyframes
from adapters.media.pyav import open_video
from domain.anonymization.export import Exhibit, Export, batches
from domain.anonymization.parts import Binder, Binding, write_part
from domain.anonymization.planning import plan_slices
from domain.anonymization.processing import Instruments
from domain.anonymization.request import Appearance, Level
from domain.videos import Region, Segment
from entrypoints.bootstrap import Container
from entrypoints.cli import demo_film
from entrypoints.settings import Settings
from fakes_results import IMPRINT

SEGMENTS = (Segment(3, 60), Segment(70, 118))
REGION = Region(0, 0, 64, 32)


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("film") / "film.mp4"
    demo_film.shoot(path)
    return path


@pytest.fixture(scope="module")
def instruments() -> Instruments:
    return Container.build(Settings.from_environment({})).instruments(Level.FACES)


@pytest.fixture(scope="module")
def export(film: Path) -> Export:
    exhibit = Exhibit(0, open_video(film), None, lambda index: f"frames/{index}", SEGMENTS, (REGION,))
    return Export(IMPRINT, Level.FACES, Appearance(), batches([exhibit]))


@pytest.fixture(scope="module")
def in_one_go(export: Export, instruments: Instruments, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("whole") / "frames.zip"
    export.run(instruments, ZipArchive(path), lambda: None)
    return path.read_bytes()


@pytest.mark.parametrize(("longest", "by_one_worker"), [(1000, False), (19, False), (19, True)])
def test_the_archive_is_the_same_to_the_byte(
    export: Export,
    instruments: Instruments,
    film: Path,
    in_one_go: bytes,
    tmp_path: Path,
    longest: int,
    by_one_worker: bool,
) -> None:
    slices = plan_slices(SEGMENTS, keyframes(PyAvProber().probe(film).frame_index), longest)
    result = tmp_path / "frames.zip"
    source = export.batches[0].source
    binding = Binding(export.imprint, export.level, export.appearance, source.sha256(), SEGMENTS, (REGION,))
    binder = Binder(binding, ZipArchive(result), lambda: None)
    examined = ()
    for number, segment in enumerate(slices):
        path = tmp_path / f"{number}.zip"
        written = write_part(export, segment, instruments, ZipArchive(path), lambda: None, examined)
        examined = written.examined if by_one_worker else ()
        with ZipReader(path) as part:
            binder.add(part)
    binder.finish()
    assert len(slices) >= len(SEGMENTS)
    assert result.read_bytes() == in_one_go
