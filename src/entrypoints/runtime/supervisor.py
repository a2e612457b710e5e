"""Processes of our own program that are started, watched, started again when they die, and stopped."""

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

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
"""Seconds before a process that died is started again; twice as long each time."""

HEALTHY_AFTER = 60.0
"""Seconds after which a process counts as having started well."""


@dataclass(frozen=True, slots=True)
class Role:
    """What one process does.

    Attributes:
        name: the subcommand of ``framecloak``.
        arguments: of the subcommand.
        patience: seconds that it may take to stop in good order.
        inherits: file descriptors that it is handed.
    """

    name: str
    arguments: Sequence[str]
    patience: float
    inherits: tuple[int, ...] = ()


class SupervisedProcess:
    """One process of a role, replaced when it dies; ends when we do.

    It is in a session of its own, so that Ctrl-C in the terminal reaches us alone and everything stops in
    order.

    Args:
        role: what it does.
        environment: its variables.
    """

    def __init__(self, role: Role, environment: Mapping[str, str]) -> None:
        self._role = role
        self._environment = dict(environment)
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = asyncio.Event()

    async def run(self) -> None:
        """Keep it running until `stop`."""
        pause = FIRST_PAUSE
        clock = asyncio.get_running_loop().time
        while not self._stopping.is_set():
            began = clock()
            self._process = await self._start()
            code = await self._process.wait()
            if self._stopping.is_set():
                return
            if clock() - began > HEALTHY_AFTER:
                pause = FIRST_PAUSE
            logger.error("the %s ended with code %s; it starts again in %.1f s", self._role.name, code, pause)
            await asyncio.sleep(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)

    async def stop(self) -> None:
        """Have it end in good order; kill it when that takes too long."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.send_signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(self._role.patience):
                await process.wait()
        except TimeoutError:
            logger.warning("the %s does not stop and is killed", self._role.name)
            process.kill()
            await process.wait()

    async def _start(self) -> asyncio.subprocess.Process:
        # -P: a folder of the user's that happens to be named like a package of ours must not be imported.
        program = [sys.executable, "-P", "-m", "framecloak", self._role.name, *self._role.arguments]
        return await asyncio.create_subprocess_exec(
            *command_line(program, None, signal.SIGTERM),
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            pass_fds=self._role.inherits,
            start_new_session=True,
        )


def environment(overrides: Mapping[str, str]) -> dict[str, str]:
    """Our own variables, some of them replaced."""
    return {**os.environ, **overrides}
