"""Memory plan: the size of tracked blocks, and whether frames are decoded twice to save memory."""

from __future__ import annotations

from dataclasses import dataclass

MAX_LOOK_AHEAD_BYTES = 1 << 30
"""Decoded frames are kept until they are rendered unless they take more; then they are decoded twice."""

BLOCK_BYTES = 128 << 20
"""Decoded frames that are tracked at a time; a larger block spends less on its margins."""

MIN_BLOCK_FRAMES, MAX_BLOCK_FRAMES = 16, 96
"""Bounds of a block; the first block of a run is the smallest, so that the first frame comes soon."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bounds on the decoded frames of one run.

    Attributes:
        block: frames that are tracked at a time.
        decode_twice: whether to decode frames again for rendering instead of keeping them.
    """

    block: int
    decode_twice: bool

    @classmethod
    def for_frames(cls, nbytes: int, margin: int) -> MemoryPlan:
        """Plan for frames of one size.

        Args:
            nbytes: bytes of a decoded frame; at least 1.
            margin: frames around a block that are decoded before it is tracked.
        """
        block = min(max(BLOCK_BYTES // nbytes, MIN_BLOCK_FRAMES), MAX_BLOCK_FRAMES)
        return cls(block, (2 * block + margin) * nbytes > MAX_LOOK_AHEAD_BYTES)
