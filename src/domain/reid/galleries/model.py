"""Galleries: people who are enrolled to be found again, each by one face or several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from framecloak.domain.errors import InvalidOptionError, ModelMismatchError
from framecloak.domain.reid.model import Embedding, EmbeddingSpace

LONGEST_NAME = 200
"""Characters of a gallery's name, and of a label."""

LARGEST_METADATA = 4096
"""Bytes of metadata as JSON."""

MOST_AT_ONCE = 1000
"""Faces that one enrolment may bring."""

MOST_RESULTS = 1000
"""People that one search may ask for."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """A set of enrolled faces.

    Attributes:
        id: random.
        owner_id: the account that made it.
        name: what its owner calls it.
        space: what all its embeddings come from.
        face_count: enrolled faces.
        created_at: UTC.
        expires_at: UTC; from then on it does not exist. None for one that stays until it is deleted.
    """

    id: UUID
    owner_id: int
    name: str
    space: EmbeddingSpace
    face_count: int
    created_at: datetime
    expires_at: datetime | None

    def require_space(self, space: EmbeddingSpace) -> None:
        """Refuse an embedding of another model.

        Raises:
            ModelMismatchError: it is one.
        """
        if space != self.space:
            raise ModelMismatchError(
                f"gallery {self.id} holds embeddings of {_told(self.space)}, not of {_told(space)}",
                "use that model, or enrol the faces anew in another gallery",
            )


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A face to be enrolled.

    Attributes:
        label: whose it is; several faces may have the same.
        embedding: the face.
        metadata: what else is to be kept with it, as JSON can hold it.

    Raises:
        InvalidOptionError: the label is empty, too long or no text; the metadata is no JSON, or too large.
    """

    label: str
    embedding: Embedding
    metadata: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name("a label", self.label)
        try:
            size = len(json.dumps(dict(self.metadata), allow_nan=False, ensure_ascii=False).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidOptionError("the metadata cannot be written as JSON", "send plain values") from error
        if size > LARGEST_METADATA:
            raise InvalidOptionError(
                f"the metadata has {size} bytes as JSON", f"keep it to {LARGEST_METADATA}"
            )


@dataclass(frozen=True, slots=True)
class EnrolledFace:
    """A face in a gallery; its embedding is not given out again.

    Attributes:
        id: random.
        gallery_id: where it is enrolled.
        label: whose it is.
        metadata: as it was enrolled with.
        created_at: UTC.
    """

    id: UUID
    gallery_id: UUID
    label: str
    metadata: Mapping[str, object]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class GalleryMatch:
    """A person that a face may be of.

    Attributes:
        face: the one of this label that is most like it.
        similarity: cosine of the two embeddings.
    """

    face: EnrolledFace
    similarity: float


def require_name(what: str, name: str) -> None:
    """Refuse a name that is none.

    Raises:
        InvalidOptionError: it is empty, too long, or holds what no text holds.
    """
    if not name.strip() or len(name) > LONGEST_NAME or name != name.encode(errors="ignore").decode():
        raise InvalidOptionError(f"{what} has 1 to {LONGEST_NAME} characters", "choose another")


def _told(space: EmbeddingSpace) -> str:
    return f"{space.name} ({space.sha256[:12]}, {space.dimension} numbers)"
