"""Verification of result files: every changed or added byte is detected."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fakes.media import FakeEncoder, FakeRedactor, FakeSampler, FakeSource
from fakes.results import ISSUER, FakeMp4Reader, FakeVideoEncoder, is_signed
from fakes.vision import FakeFaceDetector
from framecloak.adapters.media.zip.archive import ZipArchive, ZipReader
from framecloak.domain.anonymization.model.options import Appearance, Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.proof.findings import ProblemKind
from framecloak.domain.anonymization.results.proof.verification import verify_archive
from framecloak.domain.anonymization.results.sources import ExportSource, group_sources
from framecloak.domain.errors import ObjectNotFoundError, UnreadableArchiveError
from framecloak.domain.model.segments import Segment

HIDDEN = b"PK\3\4 an unredacted frame"
FORMATS = [form for form in OutputFormat if form is not OutputFormat.JPEG]


def result(folder: Path, output_format: OutputFormat) -> Path:
    """Write a result of eleven frames in two segments, as the command line and the workers do."""
    path = folder / f"{output_format}.zip"
    export_source = ExportSource(
        0, FakeSource("film", 20), None, "frames/{}".format, (Segment(1, 7), Segment(9, 14))
    )
    tools = PipelineTools(
        FakeFaceDetector(), FakeRedactor(), FakeEncoder(), FakeSampler(), 2, video_encoder=FakeVideoEncoder()
    )
    with ZipArchive(path) as archive:
        ExportJob(ISSUER, Level.FACES, Appearance(output_format), group_sources([export_source])).run(
            tools, archive, lambda: None
        )
    return path


@pytest.fixture(scope="module", params=FORMATS, ids=str)
def genuine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return result(tmp_path_factory.mktemp("genuine"), request.param)


def worst(path: Path) -> ProblemKind | None:
    """Return the worst problem that `verify` reports.

    Raises:
        UnreadableArchiveError: the file is not a result.
    """
    try:
        reader = ZipReader(path)
    except ObjectNotFoundError as error:
        raise UnreadableArchiveError("it is not a ZIP", "") from error
    with reader:
        return verify_archive(reader, is_signed, FakeMp4Reader(), ISSUER.signer.public_key).worst


def test_a_result_is_genuine(genuine: Path) -> None:
    assert worst(genuine) is None


@given(data=st.data())
@settings(max_examples=5 * settings.default.max_examples)
def test_every_changed_byte_is_detected(genuine: Path, data: st.DataObject) -> None:
    content = bytearray(genuine.read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    changed = genuine.with_name("changed.zip")
    changed.write_bytes(content)
    # An unreadable file is not a genuine result either.
    with suppress(UnreadableArchiveError):
        assert worst(changed) is not None


@given(data=st.data())
@settings(max_examples=3 * settings.default.max_examples)
def test_added_bytes_are_detected(genuine: Path, data: st.DataObject) -> None:
    content = genuine.read_bytes()
    position = data.draw(st.sampled_from([0, len(content)]) | st.integers(0, len(content)))
    changed = genuine.with_name("changed.zip")
    changed.write_bytes(content[:position] + HIDDEN + content[position:])
    with suppress(UnreadableArchiveError):
        assert worst(changed) is not None


def test_a_frame_before_the_archive_is_detected(genuine: Path) -> None:
    changed = genuine.with_name("changed.zip")
    changed.write_bytes(HIDDEN + genuine.read_bytes())
    assert worst(changed) is ProblemKind.ARCHIVE_CHANGED
