"""Processes that stand still for as long as a test likes, at a moment when they keep nobody else waiting."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path

from support.patience import patience

_SETTLED = 0.3
"""Seconds after which a transaction of a process that stands still is one that it does not end."""

_HANG = 60.0
"""Seconds in which a process that goes on now and then comes out of its transactions."""


def pause(pid: int, database: int, in_transaction: Callable[[], AbstractSet[int]]) -> None:
    """Have a process stand still, outside of any transaction.

    One that is stopped in the middle of one keeps its locks until the database loses patience: that is a
    fault of its own, and none that a test should meet by chance.

    Args:
        pid: of the process.
        database: the port of the server.
        in_transaction: ports of those clients of the database that are in a transaction.
    """
    given_up = time.monotonic() + patience(_HANG)
    while time.monotonic() < given_up:
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + _SETTLED
        while ports_to(database, pid) & in_transaction():
            if time.monotonic() > deadline:
                break
            time.sleep(0.005)
        else:
            return
        os.kill(pid, signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError(f"process {pid} never came out of a transaction")


def ports_to(server: int, pid: int) -> set[int]:
    """Ports of a process's own ends of its connections to a server on this machine.

    Only of those: a port that leads to another server may at the same time be one of another process that
    leads to this one.

    Args:
        server: the port that it listens on.
        pid: of the process.
    """
    sockets = {link.removeprefix("socket:[").removesuffix("]") for link in open_files(pid)}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    own = [(_port(row[1]), _port(row[2])) for row in rows if row[9] in sockets]
    return {port for port, other in own if other == server}


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def open_files(pid: int) -> list[str]:
    """What the descriptors of a process lead to."""
    found = []
    try:
        for descriptor in Path(f"/proc/{pid}/fd").iterdir():
            try:
                found.append(str(descriptor.readlink()))
            except OSError:
                continue  # closed meanwhile
    except OSError:
        return []  # the process has ended
    return found
