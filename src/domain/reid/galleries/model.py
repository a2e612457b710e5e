"""Galleries of enrolled people, each represented by one or several faces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from framecloak.domain.errors import InvalidOptionError, ModelMismatchError
from framecloak.domain.model.faces import Embedding, EmbeddingSpace

MAX_NAME_LENGTH = 200
"""Maximum number of characters of a gallery's name, and of a label."""

MAX_METADATA_BYTES = 4096
"""Maximum size of the metadata as JSON, in bytes."""

MAX_ENROLMENTS = 1000
"""Maximum number of faces per enrolment."""

MAX_SEARCH_RESULTS = 1000
"""Maximum number of people per search."""


@dataclass(frozen=True, slots=True)
class Gallery:
    """A set of enrolled faces.

    Attributes:
        id: Random.
        owner_id: id of the account that created it.
        name: name given by the owner.
        space: embedding space of all its faces.
        face_count: number of enrolled faces.
        created_at: UTC.
        expires_at: time of deletion, UTC; None for a gallery that is kept until it is deleted.
    """

    id: UUID
    owner_id: int
    name: str
    space: EmbeddingSpace
    face_count: int
    created_at: datetime
    expires_at: datetime | None

    def require_space(self, space: EmbeddingSpace) -> None:
        """Require that an embedding is of this gallery's model.

        Raises:
            ModelMismatchError: the embedding is of another model.
        """
        if space != self.space:
            raise ModelMismatchError(
                f"gallery {self.id} holds embeddings of {_describe(self.space)}, not of {_describe(space)}",
                "use that model, or enrol the faces in another gallery",
            )


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A face to be enrolled.

    Attributes:
        label: label of the person; several faces may share one.
        embedding: embedding of the face.
        metadata: additional data to store with the face, serialisable as JSON.

    Raises:
        InvalidOptionError: the label is empty, too long or not valid text; or the metadata is too large or
            cannot be written as JSON.
    """

    label: str
    embedding: Embedding
    metadata: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        require_name("a label", self.label)
        try:
            size = len(json.dumps(dict(self.metadata), allow_nan=False, ensure_ascii=False).encode())
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidOptionError(
                "the metadata cannot be written as JSON", "use JSON values only"
            ) from error
        if size > MAX_METADATA_BYTES:
            raise InvalidOptionError(
                f"the metadata has {size} bytes as JSON", f"limit it to {MAX_METADATA_BYTES}"
            )


@dataclass(frozen=True, slots=True)
class EnrolledFace:
    """A face in a gallery, without its embedding, which is never returned.

    Attributes:
        id: Random.
        gallery_id: id of its gallery.
        label: label of the person.
        metadata: metadata stored with the face.
        created_at: UTC.
    """

    id: UUID
    gallery_id: UUID
    label: str
    metadata: Mapping[str, object]
    created_at: datetime


@dataclass(frozen=True, slots=True)
class GalleryMatch:
    """A person that a face may belong to.

    Attributes:
        face: the most similar enrolled face with this label.
        similarity: cosine similarity of the two embeddings.
    """

    face: EnrolledFace
    similarity: float


def require_name(subject: str, name: str) -> None:
    """Require a valid name.

    Raises:
        InvalidOptionError: the name is empty, too long, or contains surrogate characters.
    """
    if not name.strip() or len(name) > MAX_NAME_LENGTH or name != name.encode(errors="ignore").decode():
        raise InvalidOptionError(f"{subject} has 1 to {MAX_NAME_LENGTH} characters", "choose another")


def _describe(space: EmbeddingSpace) -> str:
    return f"{space.name} ({space.sha256[:12]}, {space.dimension} numbers)"
