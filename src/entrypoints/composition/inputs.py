"""Adapters and limits that the use cases of the service are built from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from framecloak.domain.accounts.names import NameSkeletons
from framecloak.domain.accounts.secrets import SecretFactory
from framecloak.domain.accounts.sign_on.identity_provider import IdentityProvider
from framecloak.domain.accounts.sign_on.service import SignOnPolicy
from framecloak.domain.anonymization.batches.results import IndexRenderer
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.record.policy import ResultPolicy
from framecloak.domain.anonymization.model.text_policy import NO_LISTS, TextLists
from framecloak.domain.anonymization.requests.high_priority import HighPriorityPolicy
from framecloak.domain.anonymization.requests.retention import Retention
from framecloak.domain.anonymization.review.service import ReleaseSection
from framecloak.domain.ports.archives import StoredArchives
from framecloak.domain.ports.clock import Clock
from framecloak.domain.ports.database import Database
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.limits import AttemptLimiter
from framecloak.domain.ports.models import BoxDetector, FaceRecognizer
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.ports.pixels import PreviewMaker
from framecloak.domain.ports.progress import ProgressBoard
from framecloak.domain.ports.queue import JobQueue
from framecloak.domain.ports.repositories.galleries import GalleryIndexes
from framecloak.domain.ports.security import (
    GalleryCipher,
    PasswordHasher,
    SignatureCheck,
    Signer,
    TextListCipher,
    TokenIssuer,
)
from framecloak.domain.ports.text import TextPatterns
from framecloak.domain.ports.video import VideoFrameExtractor, VideoProber
from framecloak.domain.ports.webhooks import WebhookSender
from framecloak.domain.storage.alarm import NULL_DAMAGE_METER, DamageMeter


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapters:
    """Implementations of the ports, and functions of the adapters.

    Attributes:
        clock: current time (UTC).
        scratch: folder of this process for short-lived temporary files.
        database: database.
        store: object store of videos and results.
        queue: job queue of the workers.
        progress_board: publishes the progress of requests.
        attempt_limiter: limits failed sign-ins.
        password_hasher: hashes passwords.
        tokens: issues access and refresh tokens.
        secrets: generates and hashes secrets.
        name_skeletons: returns the skeletons of a user name; names that share one look alike.
        video_prober: examines uploaded videos.
        open_video: opens a video file for decoding.
        keyframes: returns the indices of keyframes from the stored frame index of a video.
        archives: reads single entries of stored results.
        render_batch_index: renders the index page of the results of a batch.
        add_release: adds a section on the release to a report.
        frame_extractor: decodes a single frame of a result video.
        preview_maker: downscales images.
        public_key: returns the key that verifies signatures of this installation.
        signer: returns the signer of this installation.
        verify_signature: checks the signature of a manifest.
        load_text_detector: loads the text detector.
        load_recognizer: loads the face recogniser.
        level_is_available: checks whether the models of a level are installed.
        models_present: checks whether the files of the face detector are installed.
        free_space: returns the free bytes of the fullest disk that the service writes to.
        gallery_cipher: encrypts galleries.
        gallery_indexes: indexes of large galleries.
        text_list_cipher: encrypts the lists of text policies.
        compile_patterns: compiles regular expressions that text is searched for.
        webhook_sender: sends webhooks.
        webhook_secret: secret that signs webhooks.
        remove_stale_folders: deletes the temporary folders of dead processes and returns their number.
        identity_provider: identity provider of single sign-on; None without one.
        damage_meter: counts damaged files.
        slowdown: returns the factor by which other work on this machine delays requests.
    """

    clock: Clock
    scratch: Path
    database: Database
    store: ObjectStore
    queue: JobQueue
    progress_board: ProgressBoard
    attempt_limiter: AttemptLimiter
    password_hasher: PasswordHasher
    tokens: TokenIssuer
    secrets: SecretFactory
    name_skeletons: NameSkeletons
    video_prober: VideoProber
    open_video: Callable[[Path], FrameSource]
    keyframes: Callable[[bytes], Sequence[int]]
    archives: StoredArchives
    render_batch_index: IndexRenderer
    add_release: ReleaseSection
    frame_extractor: VideoFrameExtractor
    preview_maker: PreviewMaker
    public_key: Callable[[], bytes]
    signer: Callable[[], Signer]
    verify_signature: SignatureCheck
    load_text_detector: Callable[[], BoxDetector]
    load_recognizer: Callable[[], FaceRecognizer]
    level_is_available: Callable[[Level], bool]
    models_present: Callable[[], Awaitable[bool]]
    free_space: Callable[[], Awaitable[int]]
    gallery_cipher: GalleryCipher
    gallery_indexes: GalleryIndexes
    text_list_cipher: TextListCipher
    compile_patterns: Callable[[Iterable[str]], TextPatterns]
    webhook_sender: WebhookSender
    webhook_secret: str = field(repr=False)
    remove_stale_folders: Callable[[], Awaitable[int]]
    identity_provider: IdentityProvider | None = None
    damage_meter: DamageMeter = NULL_DAMAGE_METER
    slowdown: Callable[[], float] = lambda: 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits of the use cases, as configured in the settings.

    Attributes:
        session_ttl: lifetime of a browser session.
        retention: lifetimes of results and download links.
        max_upload_bytes: maximum size of a video in bytes.
        max_concurrent_requests: maximum number of requests processed at the same time.
        max_frames_per_request: maximum number of frames of a request.
        slice_frames: maximum number of frames of a slice.
        gallery_capacity: maximum number of faces in a gallery.
        gallery_index_above: number of faces above which a gallery gets an index of its own.
        keep_parts: True to keep the parts of results for debugging.
        results: rules for results.
        high_priority: rules for high priority.
        min_free_bytes: free bytes of a disk below which the installation counts as degraded.
        text_lists: patterns and device terms that apply to each text policy.
        sign_on: rules of single sign-on; None without an identity provider.
    """

    session_ttl: timedelta
    retention: Retention
    max_upload_bytes: int
    max_concurrent_requests: int
    max_frames_per_request: int
    slice_frames: int
    gallery_capacity: int
    gallery_index_above: int
    keep_parts: bool = False
    results: ResultPolicy = field(default_factory=ResultPolicy)
    high_priority: HighPriorityPolicy = field(default_factory=HighPriorityPolicy)
    min_free_bytes: int = 0
    text_lists: TextLists = NO_LISTS
    sign_on: SignOnPolicy | None = None
