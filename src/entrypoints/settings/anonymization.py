"""Settings of requests, workers and webhooks."""

# ruff: noqa: RUF009 -- `setting` makes a field, as `dataclasses.field` does, and no default

from __future__ import annotations

from dataclasses import dataclass

from framecloak.domain.anonymization.model.options import (
    FOLLOW_SECONDS,
    MAX_FOLLOW_SECONDS,
    MAX_TEXT_SHARE,
    Language,
    Level,
    Verify,
)
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import HighPriorityUsers
from framecloak.domain.anonymization.model.slices import LEASE_DURATION
from framecloak.entrypoints.settings.variables import (
    boolean,
    integer,
    min_length,
    number,
    one_of,
    parsed_by,
    positive,
    setting,
)


@dataclass(frozen=True, kw_only=True)
class AnonymizationSettings:
    """Settings of requests, workers and webhooks."""

    max_concurrent_requests: int = setting(
        "MAX_CONCURRENT_REQUESTS",
        "Maximum number of requests processed at the same time, over all workers.",
        integer(1, 1000),
        "5",
        unit="requests",
    )
    high_priority: str = setting(
        "HIGH_PRIORITY",
        "Accounts that may use high priority, admins or everyone; orders of others are processed with normal"
        " priority.",
        one_of([users.value for users in HighPriorityUsers]),
        HighPriorityUsers.ADMINS.value,
    )
    high_priority_daily_frames: int = setting(
        "HIGH_PRIORITY_DAILY_FRAMES",
        "Maximum number of frames that one account may submit with high priority in 24 hours; more are"
        " processed with normal priority.",
        integer(0, 1_000_000_000),
        "50000",
        unit="frames",
    )
    default_level: Level = setting(
        "DEFAULT_ANONYMIZATION_LEVEL",
        "Anonymisation level of requests that do not set one.",
        parsed_by(Level.parse, Level),
        Level.FACES.value,
    )
    default_output_format: OutputFormat = setting(
        "DEFAULT_OUTPUT_FORMAT",
        "Output format of requests that do not set one.",
        parsed_by(OutputFormat.parse, OutputFormat),
        OutputFormat.JPG.value,
    )
    report_language: Language = setting(
        "REPORT_LANGUAGE",
        "Language of the report, en or de, of requests that do not set one.",
        parsed_by(Language.parse, Language),
        Language.ENGLISH.value,
    )
    default_verify: Verify = setting(
        "DEFAULT_VERIFY",
        "Redacted frames to search again for faces, none, sample or all, in requests that do not set it.",
        parsed_by(Verify.parse, Verify),
        Verify.SAMPLE.value,
    )
    max_text_share: float = setting(
        "MAX_TEXT_SHARE",
        "Share of the frame, 0 to 1, above which text is redacted only if several detections agree; the same"
        " for all workers.",
        positive(1),
        f"{MAX_TEXT_SHARE}",
    )
    follow_seconds: float = setting(
        "FOLLOW_SECONDS",
        "Time for which a head is followed by its pixels before and after its face was detected; 0 turns it"
        " off. The same for all workers.",
        number(0, MAX_FOLLOW_SECONDS),
        f"{FOLLOW_SECONDS}",
        unit="seconds",
    )
    max_frames_per_request: int = setting(
        "MAX_FRAMES_PER_REQUEST",
        "Maximum number of frames of one request.",
        integer(1, 100_000_000),
        "10000",
        unit="frames",
    )
    slice_frames: int = setting(
        "SLICE_FRAMES",
        "Maximum number of frames of a slice, the unit of work of a worker; if a worker dies, its slice is"
        " processed again.",
        integer(1, 1_000_000),
        "250",
        unit="frames",
    )
    slice_timeout_seconds: float = setting(
        "SLICE_TIMEOUT_SECONDS",
        "Time limit for a slice; its request fails when the slice exceeds the limit three times.",
        positive(7 * 24 * 3600),
        "1800",
        unit="seconds",
    )
    lease_seconds: int = setting(
        "LEASE_SECONDS",
        "Time without a sign of life after which other workers take over the slices of a worker.",
        integer(2, 3600),
        f"{LEASE_DURATION.total_seconds():.0f}",
        unit="seconds",
    )
    webhook_secret: str = setting(
        "WEBHOOK_SECRET",
        "Secret that signs webhooks; `framecloak webhook-secret` prints it for receivers.",
        min_length(32),
        secret=True,
        default_text="derived from SECRET_KEY",
    )
    webhook_allow_private: bool = setting(
        "WEBHOOK_ALLOW_PRIVATE",
        "Allow webhooks to call this machine and private networks.",
        boolean,
        "false",
    )
    worker_grace_seconds: float = setting(
        "WORKER_GRACE_SECONDS",
        "Time that a stopping worker has to finish its slice before it returns the slice to the queue.",
        positive(3600),
        "5",
        unit="seconds",
    )

    worker_metrics_port: int = setting(
        "WORKER_METRICS_PORT",
        "Port on HOST on which a worker serves its metrics, without authentication; 0 turns it off.",
        integer(0, 65535),
        "0",
    )
    worker_memory_mb: int = setting(
        "WORKER_MEMORY_MB",
        "Memory use above which a worker accepts no more work; 0 means 80 % of the available memory.",
        integer(0, 1 << 30),
        "0",
        unit="MiB",
    )
