"""Configuration of the CLIP service."""

from __future__ import annotations

from dataclasses import dataclass, field

from framecloak.domain.imaging.detections import ModelCard


@dataclass(frozen=True, slots=True)
class ClipServiceConfig:
    """Configuration of the CLIP service.

    Attributes:
        card: name and provider of the model.
        token: bearer token that clients must send; empty to accept requests without one.
        max_images: maximum number of images in a request.
        max_body_bytes: maximum size of a request body in bytes.
    """

    card: ModelCard
    token: str = field(default="", repr=False)
    max_images: int = 32
    max_body_bytes: int = 64 * 1024**2
