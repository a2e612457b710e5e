"""Parts of a result: the redacted frames of one slice, stored as an archive of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, NotRequired, TypedDict

from framecloak.domain.anonymization.model.frames import RedactedFrame
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.pipeline.continuation import Continuation
from framecloak.domain.anonymization.results.export import ExportJob
from framecloak.domain.anonymization.results.part_consistency import PartProvenance
from framecloak.domain.anonymization.results.recorded_settings import (
    face_detectors,
    hardware_encoder,
    recorded_identities,
    recorded_text_policy,
    residual_method,
    used_models,
)
from framecloak.domain.anonymization.results.video_writer import (
    EncodedFrames,
    consume,
    encoded_groups,
    require_video_possible,
    video_format,
)
from framecloak.domain.anonymization.work.part_rows import frame_row
from framecloak.domain.model.segments import Segment
from framecloak.domain.ports.archives import Archive

PART_FILE = "part.json"
"""Last entry of a part: metadata of its frames for the manifest."""


class PartContent(PartProvenance):
    """Content of ``part.json``.

    Attributes:
        frames: rows of `frame_row`.
        heads: first boxes of the tracks in the first frames.
        tails: last boxes of the tracks in the last frames.
        groups: encoded groups of video frames.
        finished_at: time at which the last frame was finished, RFC 3339 in UTC. Parts of versions that did
            not record it lack it.
    """

    frames: list[list[Any]]
    heads: list[list[tuple[int, int]]]
    tails: list[tuple[int, int, int]]
    groups: list[PartGroup]
    finished_at: NotRequired[str]


class PartGroup(TypedDict):
    """Entry of ``part.json`` for one encoded group of video frames."""

    file: str
    sizes: list[int]


@dataclass(frozen=True, slots=True)
class WrittenPart:
    """Outcome of writing a part.

    Attributes:
        blanked_frames: number of frames that are black because they could not be analysed.
        continuation: state with which the slice that starts where this one ends can continue. The caller
            closes it unless it processes that slice.
    """

    blanked_frames: int
    continuation: Continuation


def write_part(
    export: ExportJob,
    segment: Segment,
    tools: PipelineTools,
    archive: Archive,
    on_frame: Callable[[], None],
    previous: Continuation | None = None,
    now: Callable[[], datetime] | None = None,
) -> WrittenPart:
    """Redact one slice and write it as a part.

    Args:
        export: export job of one video.
        segment: frames of the slice; within one of the requested segments.
        tools: tools of the pipeline.
        archive: open and empty archive; the caller discards it if this raises.
        on_frame: called after each written frame.
        previous: state left by the slice that ends where this one starts, if this worker processed it.
        now: current time (UTC); None to record no time.

    Returns:
        The number of black frames, and the state for the next slice.

    Raises:
        DomainError: any error of `ExportJob.run`.
    """
    (batch,) = export.groups
    (source,) = batch.inputs
    suffix, video_encoder = export.appearance.output_format, tools.video_encoder
    if video_encoder:
        require_video_possible([batch.source], export.appearance, video_encoder)
    run = export.frames(batch, segment, tools, previous)
    rows: list[list[Any]] = []
    groups: list[PartGroup] = []

    def note(frame: RedactedFrame, file: str) -> None:
        rows.append(frame_row(frame, file))
        on_frame()

    def take(frame: RedactedFrame) -> None:
        file = f"{source.frame_entry_stem(frame.index)}.{suffix}"
        archive.add(file, frame.data)
        note(frame, file)

    def take_group(shots: EncodedFrames) -> None:
        frames, group = shots
        file = f"groups/{frames[0].index:07d}"
        archive.add(file, b"".join(group.samples))
        groups.append({"file": file, "sizes": [len(sample) for sample in group.samples]})
        for frame in frames:
            note(frame, file)

    with closing(run) as frames:
        if video_encoder is None or not suffix.is_video:
            continuation = consume(frames, take)
        else:
            target_format = video_format(batch.source.info, export.appearance)
            guard = export.residual_guard(batch, tools)
            continuation = consume(
                encoded_groups(frames, segment, target_format, video_encoder, guard), take_group
            )
    detects = tools.detector is not None and source.boxes is None
    identities, text = recorded_identities(tools), recorded_text_policy(tools)
    method, encoder = residual_method(export.verify, tools), hardware_encoder(tools, export.appearance)
    content: PartContent = {
        "info": source.source.info.to_row(),
        "models": [asdict(card) for card in used_models(tools, export.verify)],
        "tracking": asdict(source.tracking(export.appearance.shape, tools.follow_seconds))
        if detects
        else None,
        "threshold": export.redaction_spec(batch).low_threshold if detects else None,
        "max_text_share": tools.max_text_share if tools.box_detectors else None,
        "follow_seconds": tools.follow_seconds if detects else None,
        "detectors": list(face_detectors(tools)),
        "method": asdict(method) if method else None,
        "frames": rows,
        "heads": [list(head) for head in continuation.boundaries.heads],
        "tails": [(*key, number) for key, number in continuation.boundaries.tails.items()],
        "groups": groups,
        "identities": asdict(identities) if identities else None,
        "text": asdict(text) if text else None,
        "encoder": asdict(encoder) if encoder else None,
    }
    if now:
        content["finished_at"] = now().astimezone(UTC).isoformat(timespec="seconds")
    try:
        archive.add(PART_FILE, json.dumps(content, separators=(",", ":"), allow_nan=False).encode())
        archive.commit()
    except BaseException:
        continuation.close()
        raise
    return WrittenPart(sum(row[2] for row in rows), continuation)
