"""What is known of a face: where it is, whose it might be, how it looks."""

from __future__ import annotations

from dataclasses import dataclass

from domain.detection import FloatArray


@dataclass(frozen=True, slots=True)
class EmbeddingSpace:
    """What makes two embeddings comparable: that the same model made them.

    Attributes:
        name: the model as people call it, as ``buffalo_l`` or ``dlib-resnet``.
        sha256: hex digest of its graph; another file under the same name is another space.
        dimension: numbers in one of its vectors.
    """

    name: str
    sha256: str
    dimension: int


@dataclass(frozen=True, slots=True, eq=False)
class Embedding:
    """A face as a point on the unit sphere of its space.

    Attributes:
        space: the only one in which it may be compared.
        vector: (dimension,) float32 of unit length.
    """

    space: EmbeddingSpace
    vector: FloatArray
