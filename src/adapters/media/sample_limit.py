"""Limit of the frames and samples of a file: each takes memory, and a small file can hold very many."""

from __future__ import annotations

from pathlib import Path

from framecloak.domain.errors import UnreadableVideoError

MAX_SAMPLES = 10_000_000
"""Samples of all tracks of a file, each as often as the edit list of its track repeats it: 24 hours of video
with 60 frames a second, and their sound."""

SAMPLES_OF_SMALL_FILES = 1_000_000
"""Samples that a file of any size may have."""

BYTES_PER_SAMPLE = 8
"""Bytes for each further sample: an encoded frame takes more, and so does a packet of silence with its entry
in the tables."""


def max_samples(path: Path) -> int:
    """Return the maximum number of samples that are read from a file.

    Raises:
        OSError: the file cannot be read.
    """
    return min(MAX_SAMPLES, SAMPLES_OF_SMALL_FILES + path.stat().st_size // BYTES_PER_SAMPLE)


def require_fewer_samples(path: Path, samples: int, most: int) -> None:
    """Raise an error if a file has more samples than are read.

    Args:
        path: path of the file, for the message.
        samples: samples that it has at least.
        most: maximum number, see `max_samples`.

    Raises:
        UnreadableVideoError: it has more.
    """
    if samples > most:
        message = f"{path.name} lists {samples:,} frames and samples; at most {most:,} are read at its size"
        raise UnreadableVideoError(message, "copy or convert the file again, or split it")
