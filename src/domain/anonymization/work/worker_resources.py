"""Resources with which a worker processes slices."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from framecloak.domain.anonymization.identification.gallery import GalleryPeople
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.slices import LEASE_DURATION
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.anonymization.results.archive_writer import Issuer
from framecloak.domain.anonymization.text_policy.orders import TextOrders
from framecloak.domain.ports.archives import Archive, ArchiveReader
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.metrics import NULL_METER, Meter
from framecloak.domain.ports.models import TextReader
from framecloak.domain.ports.video import VideoEncoder


@dataclass(frozen=True, slots=True)
class WorkerResources:
    """Resources of a worker.

    Attributes:
        issuer: issuer named in results.
        scratch: folder for temporary files.
        open_video: opens a video file.
        create_archive: creates an empty ZIP.
        read_archive: opens an existing ZIP.
        pipeline_tools: returns the pipeline's tools for a level; slow on the first call.
        time_limit: maximum duration of one slice in seconds.
        lease_ttl: validity of a lease without renewal; after it, other workers may take the slice.
        keep_parts: True if the parts of a result stay in the object store for inspection.
        meter: receives metrics of the work.
        video_encoder: encodes videos in the scratch folder; None if this worker writes none.
        policy: rules for results.
        people: resolves galleries to people; None where requests cannot name a gallery.
        text: text policies of requests; None where all text is covered.
        load_text_reader: loads the model that reads text; slow on the first call.
    """

    issuer: Issuer
    scratch: Path
    open_video: Callable[[Path], FrameSource]
    create_archive: Callable[[Path], Archive]
    read_archive: Callable[[Path], AbstractContextManager[ArchiveReader]]
    pipeline_tools: Callable[[Level], PipelineTools]
    time_limit: float = 1800.0
    lease_ttl: timedelta = LEASE_DURATION
    keep_parts: bool = False
    meter: Meter = NULL_METER
    video_encoder: VideoEncoder | None = None
    people: GalleryPeople | None = None
    policy: ResultPolicy = field(default_factory=ResultPolicy)
    text: TextOrders | None = None
    load_text_reader: Callable[[], TextReader] | None = None
