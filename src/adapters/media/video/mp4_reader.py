"""Demultiplexing of result videos, to compare their frames with recorded digests."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import av

from framecloak.adapters.media.video.container import open_container, video_stream
from framecloak.domain.errors import DomainError


class Mp4Reader:
    """MP4 reader that extracts encoded samples without decoding them."""

    def sample_digests(self, chunks: Iterable[bytes]) -> list[str] | None:
        """Return the SHA-256 hex digest of each frame's sample; None if the video cannot be parsed.

        Errors of the iterator are passed on to the caller.

        Args:
            chunks: bytes of the MP4 file, in chunks.
        """
        with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
            for chunk in chunks:
                file.write(chunk)
            file.flush()
            path = Path(file.name)
            try:
                with open_container(path) as container:
                    packets = container.demux(video_stream(container, path))
                    return [sha256(packet).hexdigest() for packet in packets if packet.size]
            except (DomainError, av.FFmpegError):
                return None
