"""Memory plan: the size of tracked blocks, and whether frames are decoded twice to save memory."""

from __future__ import annotations

from dataclasses import dataclass

MAX_LOOK_AHEAD_BYTES = 1 << 30
"""Memory for decoded frames that wait to be rendered; frames that need more are decoded twice."""

BLOCK_BYTES = 64 << 20
"""Memory for the decoded frames of a block; the larger a block, the smaller the share of its margins."""

MAX_REVIEWED_BYTES = 1 << 30
"""Memory for the decoded frames of blocks in which faces are being detected."""

MIN_BLOCK_FRAMES, MAX_BLOCK_FRAMES = 16, 96
"""Smallest and largest block; a run starts with the smallest, so that its first frame is delivered soon."""


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bounds on the decoded frames of one run.

    Attributes:
        block: number of frames that are tracked at a time.
        decode_twice: True to decode frames again for rendering instead of keeping them.
        reviewed_blocks: number of blocks in which faces are detected at a time.
    """

    block: int
    decode_twice: bool
    reviewed_blocks: int = 1

    @classmethod
    def for_frames(cls, nbytes: int, margin: int, detected: int = 1, threads: int = 1) -> MemoryPlan:
        """Return the plan for frames of one size.

        Args:
            nbytes: bytes of a decoded frame; at least 1.
            margin: number of frames around a block that are decoded before it is tracked.
            detected: number of frames in which faces are detected together.
            threads: number of threads that detect faces.
        """
        reviewed = min(threads, max(1, MAX_REVIEWED_BYTES // (detected * nbytes)))
        block = min(max(BLOCK_BYTES // nbytes, MIN_BLOCK_FRAMES), MAX_BLOCK_FRAMES)
        return cls(block, (2 * block + margin) * nbytes > MAX_LOOK_AHEAD_BYTES, reviewed)
