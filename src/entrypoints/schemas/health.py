"""How the installation is doing."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from msgspec import UNSET, Meta, UnsetType

from framecloak.adapters.security.signing import to_pem
from framecloak.domain.anonymization.results.signature import key_id
from framecloak.domain.operations.health import Condition, HealthReport
from framecloak.domain.reid.lazy_analysis import RecognitionHealth
from framecloak.entrypoints.schemas.common import View

_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class ModelsView(View, frozen=True, kw_only=True):
    """What faces are analysed with; null until somebody needed it."""

    detector: Annotated[str | None, Meta(description="Finds faces.", examples=["centerface"])]
    recognizer: Annotated[str | None, Meta(description="Tells them apart.", examples=["buffalo_l"])]


class LivenessView(View, frozen=True, kw_only=True):
    """The process answers."""

    status: Annotated[Literal["healthy"], Meta(description="Always `healthy`: it answers.")] = "healthy"
    clip_service: Annotated[
        Literal["available", "unavailable"], Meta(description="Whether emotions are told.")
    ]
    models: ModelsView
    provider: Annotated[
        str | None, Meta(description="What the models run on; null until they do.", examples=["CPU"])
    ]
    version: Annotated[str, Meta(description="Of the program.", examples=["0.1.0"])]

    @classmethod
    def of(cls, health: RecognitionHealth, version: str) -> Self:
        """As shown to anybody."""
        detector, recognizer = health.detector, health.recognizer
        return cls(
            clip_service="available" if health.emotions else "unavailable",
            models=ModelsView(
                detector=None if detector is None else detector.name,
                recognizer=None if recognizer is None else recognizer.name,
            ),
            provider=None if recognizer is None else recognizer.provider,
            version=version,
        )


class SigningKeyView(View, frozen=True, kw_only=True):
    """What the results of this installation are checked with."""

    algorithm: Annotated[Literal["Ed25519"], Meta(description="Of the signatures (RFC 8032).")] = "Ed25519"
    key_id: Annotated[
        str,
        Meta(
            description="As manifests name it: 32 hex digits of the SHA-256 of the key's 32 bytes.",
            examples=["04ff90d71fb289c0e657aae015dbf4bb"],
        ),
    ]
    public_key: Annotated[str, Meta(description="In PEM (RFC 8410).")]

    @classmethod
    def of(cls, public_key: bytes) -> Self:
        """As told to anybody who may use the API."""
        return cls(key_id=key_id(public_key), public_key=to_pem(public_key))


class HealthView(View, frozen=True, kw_only=True):
    """How the installation is doing; a stranger sees `status` alone."""

    status: Annotated[
        Condition,
        Meta(description="`degraded`: what is submitted waits; `unhealthy`: nothing can be taken in."),
    ]
    workers: Annotated[int, Meta(description="Processes that work.", examples=[3])] | UnsetType = UNSET
    pending_requests: (
        Annotated[int | None, Meta(description="Submitted and not begun; null when unknown.", examples=[5])]
        | UnsetType
    ) = UNSET
    average_processing_time: (
        Annotated[float | None, Meta(description="Seconds a request, of the last ones.", examples=[89.5])]
        | UnsetType
    ) = UNSET
    storage_usage: (
        Annotated[
            str | None,
            Meta(description="What videos and results take; null until known.", examples=["15.2 GB"]),
        ]
        | UnsetType
    ) = UNSET
    storage_bytes: (
        Annotated[int | None, Meta(description="The same as a number.", examples=[15200000000])] | UnsetType
    ) = UNSET
    checks: (
        Annotated[
            dict[str, str],
            Meta(description="`ok` or `failed` for each part.", examples=[{"database": "ok", "redis": "ok"}]),
        ]
        | UnsetType
    ) = UNSET

    @classmethod
    def of(cls, report: HealthReport) -> Self:
        """Everything, for whoever is signed in."""
        return cls(
            status=report.condition,
            workers=report.workers,
            pending_requests=report.pending_requests,
            average_processing_time=report.average_seconds,
            storage_usage=None if report.storage_bytes is None else readable_size(report.storage_bytes),
            storage_bytes=report.storage_bytes,
            checks=dict(report.checks),
        )

    @classmethod
    def for_strangers(cls, report: HealthReport) -> Self:
        """No more than a load balancer needs."""
        return cls(status=report.condition)


def readable_size(size: int) -> str:
    """A number of bytes as people read it, in powers of 1000, as in ``15.2 GB``."""
    amount = float(size)
    for unit in _UNITS[:-1]:
        if amount < 999.95:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} {_UNITS[-1]}"
