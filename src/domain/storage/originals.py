"""Originals from the object store: a video is processed only if it is the one that was uploaded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from framecloak.domain.errors import ObjectNotFoundError, OriginalDamagedError
from framecloak.domain.model.videos import Video
from framecloak.domain.ports.object_store import ObjectStore
from framecloak.domain.storage.alarm import (
    NULL_DAMAGE_METER,
    VERIFY_HINT,
    DamageMeter,
    StoredKind,
    raise_alarm,
)
from framecloak.domain.storage.hashing import FileVersion, file_version, hash_file

_MAX_KNOWN = 256
"""Number of videos whose verified versions are remembered."""


class Originals:
    """Provider of uploaded videos as verified local files.

    A file is hashed when it is first read, and again only if it has changed since.

    Args:
        store: object store of the videos.
        meter: metrics of damaged files.
    """

    def __init__(self, store: ObjectStore, meter: DamageMeter = NULL_DAMAGE_METER) -> None:
        self._store = store
        self._meter = meter
        self._verified: OrderedDict[tuple[str, str], FileVersion] = OrderedDict()

    @asynccontextmanager
    async def file(self, video: Video, scratch: Path) -> AsyncIterator[Path]:
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
        async with self._store.cached_file(video.object_key, scratch) as path:
            try:
                await self._require_intact(video, path)
            except FileNotFoundError as error:
                raise ObjectNotFoundError(f"there is no object {video.object_key}") from error
            yield path
            try:
                # A folder store provides the stored file itself, which may have been replaced meanwhile.
                await self._require_intact(video, path)
            except FileNotFoundError:
                # Deleted meanwhile; what was read of it is what was verified.
                return

    async def _require_intact(self, video: Video, path: Path) -> None:
        identity = video.object_key, str(path)
        if self._verified.get(identity) == await file_version(path):
            self._verified.move_to_end(identity)
            return
        sha256, version = await hash_file(path)
        if sha256 != video.facts.sha256:
            self._verified.pop(identity, None)
            reason = f"the file of video {video.id} has the SHA-256 {sha256} instead of {video.facts.sha256}"
            raise_alarm(self._meter, StoredKind.ORIGINAL, video.object_key, reason)
            # A copy that was damaged on this machine is not used again.
            await self._store.forget_copy(video.object_key)
            raise OriginalDamagedError(reason, VERIFY_HINT)
        self._verified[identity] = version
        while len(self._verified) > _MAX_KNOWN:
            self._verified.popitem(last=False)
