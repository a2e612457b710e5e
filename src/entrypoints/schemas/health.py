"""Schemas of health checks and the signing key."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from msgspec import UNSET, Meta, UnsetType

from framecloak.adapters.security.signing import to_pem
from framecloak.domain.anonymization.results.proof.manifest_signature import key_id
from framecloak.domain.operations.health import Condition, HealthReport
from framecloak.domain.reid.lazy_analysis import RecognitionHealth
from framecloak.entrypoints.schemas.common import View

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class ModelsView(View, frozen=True, kw_only=True):
    """Loaded models of face analysis; null until first used."""

    detector: Annotated[str | None, Meta(description="Face detector.", examples=["centerface"])]
    recognizer: Annotated[str | None, Meta(description="Face recognition model.", examples=["buffalo_l"])]


class LivenessView(View, frozen=True, kw_only=True):
    """Liveness of the process."""

    status: Annotated[
        Literal["healthy", "unhealthy"],
        Meta(
            description=(
                "`unhealthy`: the database, Redis or the object store cannot be reached, so no request can "
                "be accepted. The response has status 200 all the same, because the process responds and "
                "restarting it would not help; `getHealth` answers 503."
            ),
            examples=["healthy"],
        ),
    ]
    clip_service: Annotated[
        Literal["available", "unavailable"], Meta(description="Whether emotions can be read.")
    ]
    models: ModelsView
    provider: Annotated[
        str | None,
        Meta(description="Execution provider of the models; null until they are loaded.", examples=["CPU"]),
    ]
    version: Annotated[str, Meta(description="Version of the service.", examples=["0.1.0"])]

    @classmethod
    def of(cls, health: RecognitionHealth, condition: Condition, version: str) -> Self:
        """Build the view of the liveness check."""
        detector, recognizer = health.detector, health.recognizer
        return cls(
            status="unhealthy" if condition is Condition.UNHEALTHY else "healthy",
            clip_service="available" if health.emotions else "unavailable",
            models=ModelsView(
                detector=None if detector is None else detector.name,
                recognizer=None if recognizer is None else recognizer.name,
            ),
            provider=None if recognizer is None else recognizer.provider,
            version=version,
        )


class SigningKeyView(View, frozen=True, kw_only=True):
    """Public key with which results of this installation are verified."""

    algorithm: Annotated[Literal["Ed25519"], Meta(description="Signature algorithm (RFC 8032).")] = "Ed25519"
    key_id: Annotated[
        str,
        Meta(
            description="Id of the key in manifests: first 32 hex digits of the SHA-256 of its 32 bytes.",
            examples=["04ff90d71fb289c0e657aae015dbf4bb"],
        ),
    ]
    public_key: Annotated[str, Meta(description="Public key in PEM (RFC 8410).")]

    @classmethod
    def of(cls, public_key: bytes) -> Self:
        """Build the view of a public key."""
        return cls(key_id=key_id(public_key), public_key=to_pem(public_key))


class HealthView(View, frozen=True, kw_only=True):
    """Health of the installation; callers without a credential see only `status`."""

    status: Annotated[
        Condition,
        Meta(
            description="`degraded`: requests are accepted but wait; `unhealthy`: no request can be accepted."
        ),
    ]
    workers: Annotated[int, Meta(description="Number of worker processes.", examples=[3])] | UnsetType = UNSET
    celery_workers: (
        Annotated[
            int,
            Meta(description="The same as `workers`, for clients of earlier services.", examples=[3]),
        ]
        | UnsetType
    ) = UNSET
    pending_requests: (
        Annotated[
            int | None,
            Meta(description="Number of requests that have not started; null if unknown.", examples=[5]),
        ]
        | UnsetType
    ) = UNSET
    average_processing_time: (
        Annotated[float | None, Meta(description="Mean seconds per recent request.", examples=[89.5])]
        | UnsetType
    ) = UNSET
    storage_usage: (
        Annotated[
            str | None,
            Meta(description="Storage used by videos and results; null if unknown.", examples=["15.2 GB"]),
        ]
        | UnsetType
    ) = UNSET
    storage_bytes: (
        Annotated[
            int | None, Meta(description="Storage used in bytes; null if unknown.", examples=[15200000000])
        ]
        | UnsetType
    ) = UNSET
    checks: (
        Annotated[
            dict[str, str],
            Meta(description="`ok` or `failed` by component.", examples=[{"database": "ok", "redis": "ok"}]),
        ]
        | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, report: HealthReport) -> Self:
        """Build the complete view, for authenticated callers."""
        return cls(
            status=report.condition,
            workers=report.workers,
            celery_workers=report.workers,
            pending_requests=report.pending_requests,
            average_processing_time=report.average_seconds,
            storage_usage=None if report.storage_bytes is None else readable_size(report.storage_bytes),
            storage_bytes=report.storage_bytes,
            checks=dict(report.checks),
        )

    @classmethod
    def for_anonymous(cls, report: HealthReport) -> Self:
        """Build the view for callers without a credential, such as load balancers."""
        return cls(status=report.condition)


def readable_size(size: int) -> str:
    """Format a number of bytes with a decimal unit, such as ``15.2 GB``."""
    amount = float(size)
    for unit in _UNITS[:-1]:
        if amount < 999.95:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} {_UNITS[-1]}"
