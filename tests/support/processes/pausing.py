"""Pause processes for as long as a test needs, outside of database transactions."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from pathlib import Path

from support.patience import patience

_SETTLE_SECONDS = 0.3
"""Seconds after which a transaction of a stopped process counts as unfinished."""

_TIMEOUT_SECONDS = 60.0
"""Seconds within which a process must leave its transactions when it is resumed repeatedly."""


def pause(pid: int, database: int, in_transaction: Callable[[], AbstractSet[int]]) -> None:
    """Stop a process outside of any transaction.

    A process that is stopped within a transaction keeps its locks until the database times out: that is a
    separate fault, which a test must not cause by chance.

    Args:
        pid: process to stop.
        database: port of the database server.
        in_transaction: returns the ports of database clients that are in a transaction.
    """
    given_up = time.monotonic() + patience(_TIMEOUT_SECONDS)
    while time.monotonic() < given_up:
        os.kill(pid, signal.SIGSTOP)
        deadline = time.monotonic() + _SETTLE_SECONDS
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
    """Return the local ports of a process's connections to a server on this machine.

    Only the process's own: the port number of a connection to another server may at the same time be in use
    by another process connected to this one.

    Args:
        server: port on which the server listens.
        pid: id of the process.
    """
    sockets = {link.removeprefix("socket:[").removesuffix("]") for link in open_files(pid)}
    rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    own = [(_port(row[1]), _port(row[2])) for row in rows if row[9] in sockets]
    return {port for port, other in own if other == server}


def _port(address: str) -> int:
    return int(address.rpartition(":")[2], 16)


def open_files(pid: int) -> list[str]:
    """Return the targets of a process's file descriptors."""
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
