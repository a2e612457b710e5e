"""Base class of the embedded servers: a folder, a process, and a context that starts and stops it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import TracebackType

from framecloak.adapters.embedded.folder import ServerFolder
from framecloak.adapters.embedded.processes import ServerProcess

PORT_ATTEMPTS = 3
"""Attempts with different free ports: a port may be taken between being found and being used."""


class EmbeddedServer(ABC):
    """Server on 127.0.0.1 that lives as long as this process.

    An asynchronous context manager: entering starts the server and returns its URL, leaving stops it. Data
    survives a restart.

    Args:
        folder: folder of all its files.

    Attributes:
        url: its URL, with the password; empty before the first start.
    """

    name: str
    """Name of the server, for messages."""

    def __init__(self, folder: ServerFolder) -> None:
        self.url = ""
        self._folder = folder
        self._process: ServerProcess | None = None

    async def __aenter__(self) -> str:
        """Start the server and return its URL; raises what `start` raises."""
        return await self.start()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop the server."""
        await self.stop()

    @abstractmethod
    async def start(self) -> str:
        """Start the server and return its URL.

        Raises:
            DatabaseUnavailableError: the wheel is missing, or the folder is in use.
            OutputUnwritableError: the folder cannot be written.
            InvalidSettingError: the port is taken.
            DomainError: the server does not start.
        """

    @property
    def is_running(self) -> bool:
        """True while the process of the server runs."""
        return self._process is not None and self._process.is_running

    async def stop(self) -> None:
        """Stop the server after flushing pending writes."""
        if self._process is not None:
            await self._process.stop()
            self._process = None
        self._folder.release()
