"""Results as files: whatever byte of one is changed, and whatever is put into it, `verify` tells."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.media import FakeEncoder, FakeRedactor, FakeSource
from fakes.results import IMPRINT, FakeFilmReader, FakeVideoEncoder, is_signed
from fakes.vision import FakeFaceDetector
from framecloak.adapters.media.zip.archive import ZipArchive, ZipReader
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob, ExportSource, group_sources
from framecloak.domain.anonymization.results.verification import ProblemKind, verify_archive
from framecloak.domain.errors import ObjectNotFoundError, UnreadableArchiveError
from framecloak.domain.model.segments import Segment

HIDDEN = b"PK\3\4 an unredacted frame"
FORMATS = [one for one in OutputFormat if one is not OutputFormat.JPEG]


def result(folder: Path, output_format: OutputFormat) -> Path:
    """A result of eleven frames in two segments, the way the command line and the workers write them."""
    path = folder / f"{output_format}.zip"
    exhibit = ExportSource(
        0, FakeSource("film", 20), None, "frames/{}".format, (Segment(1, 7), Segment(9, 14))
    )
    instruments = PipelineTools(
        FakeFaceDetector(), FakeRedactor(), FakeEncoder(), 2, video_encoder=FakeVideoEncoder()
    )
    with ZipArchive(path) as archive:
        ExportJob(IMPRINT, Level.FACES, Appearance(output_format), group_sources([exhibit])).run(
            instruments, archive, lambda: None
        )
    return path


@pytest.fixture(scope="module", params=FORMATS, ids=str)
def whole(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return result(tmp_path_factory.mktemp("whole"), request.param)


def worst(path: Path) -> ProblemKind | None:
    """What `verify` says first.

    Raises:
        UnreadableArchiveError: it is no result.
    """
    try:
        reader = ZipReader(path)
    except ObjectNotFoundError as error:
        raise UnreadableArchiveError("it is no ZIP", "") from error
    with reader:
        return verify_archive(reader, is_signed, FakeFilmReader(), IMPRINT.signer.public_key).worst


def test_a_result_is_genuine(whole: Path) -> None:
    assert worst(whole) is None


@given(data=st.data())
@settings(max_examples=5 * settings.default.max_examples)
def test_no_changed_byte_of_the_file_goes_unnoticed(whole: Path, data: st.DataObject) -> None:
    content = bytearray(whole.read_bytes())
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    changed = whole.with_name("changed.zip")
    changed.write_bytes(content)
    # What cannot be read is no genuine result either.
    with suppress(UnreadableArchiveError):
        assert worst(changed) is not None


@given(data=st.data())
@settings(max_examples=3 * settings.default.max_examples)
def test_no_added_bytes_go_unnoticed(whole: Path, data: st.DataObject) -> None:
    content = whole.read_bytes()
    place = data.draw(st.sampled_from([0, len(content)]) | st.integers(0, len(content)))
    changed = whole.with_name("changed.zip")
    changed.write_bytes(content[:place] + HIDDEN + content[place:])
    with suppress(UnreadableArchiveError):
        assert worst(changed) is not None


def test_a_frame_in_front_of_the_archive_is_told(whole: Path) -> None:
    changed = whole.with_name("changed.zip")
    changed.write_bytes(HIDDEN + whole.read_bytes())
    assert worst(changed) is ProblemKind.ARCHIVE_CHANGED
