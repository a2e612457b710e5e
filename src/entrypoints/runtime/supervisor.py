"""Supervision of child processes of this program: start, restart after a crash, and stop."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from framecloak.adapters.embedded.processes import command_line

logger = logging.getLogger(__name__)

MIN_BACKOFF_SECONDS, MAX_BACKOFF_SECONDS = 0.5, 30.0
"""Minimum and maximum delay in seconds before a crashed process restarts; doubled after each crash."""

HEALTHY_AFTER_SECONDS = 60.0
"""Seconds of run time after which the restart delay is reset to its minimum."""


@dataclass(frozen=True, slots=True)
class ChildCommand:
    """Command of a child process and how to stop it.

    Attributes:
        name: subcommand of ``framecloak``.
        arguments: arguments of the subcommand.
        stop_timeout: seconds for a graceful stop before the process is killed.
        inherited_fds: file descriptors that the process inherits.
    """

    name: str
    arguments: Sequence[str]
    stop_timeout: float
    inherited_fds: tuple[int, ...] = ()


class SupervisedProcess:
    """Child process that is restarted after a crash and ends with its parent.

    It runs in a session of its own: Ctrl-C in the terminal reaches only the parent, which then stops its
    children in order.

    Args:
        command: command of the process.
        environment: environment variables of the process.
    """

    def __init__(self, command: ChildCommand, environment: Mapping[str, str]) -> None:
        self._command = command
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Keep the process running until `stop` is called."""
        pause = MIN_BACKOFF_SECONDS
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            started_at = clock()
            self._process = await self._start()
            code = await self._process.wait()
            if self._stopping.is_set():
                return
            if clock() - started_at > HEALTHY_AFTER_SECONDS:
                pause = MIN_BACKOFF_SECONDS
            logger.error("the %s ended with code %s; it restarts in %.1f s", self._command.name, code, pause)
            await asyncio.sleep(pause)
            pause = min(MAX_BACKOFF_SECONDS, 2 * pause)

    async def stop(self) -> None:
        """Stop the process gracefully; kill it when it exceeds its stop timeout."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._command.stop_timeout):
                await process.wait()
        except TimeoutError:
            logger.warning("the %s did not stop in time and is killed", self._command.name)
            process.kill()
            await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        # -P keeps folders of the working directory that share a name with our packages from being imported.
        program = [sys.executable, "-P", "-m", "framecloak", self._command.name, *self._command.arguments]
        return await asyncio.create_subprocess_exec(
            *command_line(program, None, signal.SIGTERM),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=self._command.inherited_fds,
            start_new_session=True,
        )


def child_environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of this process with some variables replaced."""
    return {**os.environ, **overrides}
