"""Takes films apart again, to tell which of their frames were changed."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

import av

from framecloak.adapters.media.video.container import open_container, video_stream
from framecloak.domain.errors import DomainError


class Mp4Reader:
    """Reads MP4 without decoding any of it."""

    def samples(self, pieces: Iterable[bytes]) -> list[str] | None:
        """SHA-256 of every frame's sample, in hex; None when it cannot be taken apart.

        Whatever the iterator raises comes through.
        """
        with tempfile.NamedTemporaryFile(suffix=".mp4") as file:
            for piece in pieces:
                file.write(piece)
            file.flush()
            path = Path(file.name)
            try:
                with open_container(path) as container:
                    packets = container.demux(video_stream(container, path))
                    return [sha256(packet).hexdigest() for packet in packets if packet.size]
            except (DomainError, av.FFmpegError):
                return None
