"""Originals from the object store: a video is processed only if it is the one that was uploaded."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from pathlib import Path

from framecloak.domain.errors import OriginalDamagedError
from framecloak.domain.model.videos import Video
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.storage.alarm import (
    NULL_DAMAGE_METER,
    VERIFY_HINT,
    DamageMeter,
    StoredKind,
    raise_alarm,
)
from framecloak.domain.storage.local_files import VerifiedFiles


class Originals:
    """Provider of uploaded videos as verified local files.

    Args:
        store: object store of the videos.
        meter: metrics of damaged files.
    """

    def __init__(self, store: ObjectStore, meter: DamageMeter = NULL_DAMAGE_METER) -> None:
        self._files = VerifiedFiles(store)
        self._meter = meter

    def file(self, video: Video, scratch: Path) -> AbstractAsyncContextManager[Path]:
        """Provide the file of a video within the block, verified before it and at its end.

        Args:
            video: video to read.
            scratch: folder for a temporary copy.

        Raises:
            ObjectNotFoundError: the file does not exist; raised on entering.
            OriginalDamagedError: the file is not the uploaded one, or was changed during the block.
            StorageUnavailableError: the store cannot be reached.
            StorageFullError: the disk is too full to fetch the file.
        """
        expected = video.facts.sha256

        def damaged(sha256: str) -> OriginalDamagedError:
            reason = f"the file of video {video.id} has the SHA-256 {sha256} instead of {expected}"
            raise_alarm(self._meter, StoredKind.ORIGINAL, video.object_key, reason)
            return OriginalDamagedError(reason, VERIFY_HINT)

        return self._files.file(video.object_key, expected, scratch, damaged)
