"""What a request may be, and how long things are kept."""

# ruff: noqa: RUF009 -- `setting` makes a field, as `dataclasses.field` does, and no default

from __future__ import annotations

from dataclasses import dataclass

from framecloak.domain.anonymization.model.options import Language, Level, OutputFormat, Verify
from framecloak.domain.anonymization.model.slices import LEASE
from framecloak.entrypoints.settings.variables import (
    at_least,
    parsed_by,
    positive,
    setting,
    switch,
    whole,
)

_YEAR = 24 * 366.0
"""Hours."""


@dataclass(frozen=True, kw_only=True)
class AnonymizationSettings:
    """What a request may be, and how long things are kept."""

    max_concurrent_requests: int = setting(
        "MAX_CONCURRENT_REQUESTS",
        "Requests in work at the same time, over all workers.",
        whole(1, 1000),
        "5",
        unit="requests",
    )
    default_level: Level = setting(
        "DEFAULT_ANONYMIZATION_LEVEL",
        "The level of requests that name none.",
        parsed_by(Level.parse, Level),
        Level.FACES.value,
    )
    default_output_format: OutputFormat = setting(
        "DEFAULT_OUTPUT_FORMAT",
        "The format of requests that name none.",
        parsed_by(OutputFormat.parse, OutputFormat),
        OutputFormat.JPG.value,
    )
    report_language: Language = setting(
        "REPORT_LANGUAGE",
        "What reports of results are written in when a request does not say: en or de.",
        parsed_by(Language.parse, Language),
        Language.ENGLISH.value,
    )
    default_verify: Verify = setting(
        "DEFAULT_VERIFY",
        "Which redacted frames are searched again when a request does not say: none, sample or all.",
        parsed_by(Verify.parse, Verify),
        Verify.SAMPLE.value,
    )
    max_frames_per_request: int = setting(
        "MAX_FRAMES_PER_REQUEST",
        "The most frames of one request.",
        whole(1, 100_000_000),
        "10000",
        unit="frames",
    )
    slice_frames: int = setting(
        "SLICE_FRAMES",
        "The most frames that a worker does in one go; what is lost with a worker is done again.",
        whole(1, 1_000_000),
        "250",
        unit="frames",
    )
    slice_timeout_seconds: float = setting(
        "SLICE_TIMEOUT_SECONDS",
        "How long they may take; a request fails when it takes longer three times.",
        positive(7 * 24 * 3600),
        "1800",
        unit="seconds",
    )
    lease_seconds: int = setting(
        "LEASE_SECONDS",
        "How long a worker may be silent before others take over what it does.",
        whole(2, 3600),
        f"{LEASE.total_seconds():.0f}",
        unit="seconds",
    )
    download_token_expiry_hours: float = setting(
        "DOWNLOAD_TOKEN_EXPIRY_HOURS",
        "How long a download link waits to be used.",
        positive(_YEAR),
        "24",
        unit="hours",
    )
    result_retention_hours: float = setting(
        "RESULT_RETENTION_HOURS", "How long results are kept.", positive(100 * _YEAR), "168", unit="hours"
    )
    cleanup_interval_hours: float = setting(
        "CLEANUP_INTERVAL_HOURS", "How often what expired is removed.", positive(_YEAR), "6", unit="hours"
    )
    webhook_secret: str = setting(
        "WEBHOOK_SECRET",
        "What webhooks are signed with; `framecloak webhook-secret` prints it for receivers.",
        at_least(32),
        secret=True,
        default_text="derived from SECRET_KEY",
    )
    webhook_allow_private: bool = setting(
        "WEBHOOK_ALLOW_PRIVATE",
        "Whether webhooks may call this machine and private networks.",
        switch,
        "false",
    )
    worker_grace_seconds: float = setting(
        "WORKER_GRACE_SECONDS",
        "How long a worker that is told to stop goes on with its slice before it gives it back.",
        positive(3600),
        "5",
        unit="seconds",
    )

    worker_metrics_port: int = setting(
        "WORKER_METRICS_PORT",
        "Port on HOST where a worker tells its metrics to whoever asks; 0 is none.",
        whole(0, 65535),
        "0",
    )
    worker_memory_mb: int = setting(
        "WORKER_MEMORY_MB",
        "Memory at which a worker takes no more work; 0 is 80 % of what there is.",
        whole(0, 1 << 30),
        "0",
        unit="MiB",
    )
