from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from support.processes.pausing import ports_to


@pytest.fixture
def servers() -> Iterator[tuple[socket.socket, socket.socket]]:
    with socket.create_server(("127.0.0.1", 0)) as first, socket.create_server(("127.0.0.1", 0)) as second:
        yield first, second


def port_of(end: socket.socket) -> int:
    port: int = end.getsockname()[1]
    return port


def test_only_connections_to_the_server_count(servers: tuple[socket.socket, socket.socket]) -> None:
    here, elsewhere = servers
    with ExitStack() as stack:
        clients = [stack.enter_context(socket.create_connection(here.getsockname())) for _ in range(2)]
        other = stack.enter_context(socket.create_connection(elsewhere.getsockname()))
        assert ports_to(port_of(here), os.getpid()) == {port_of(client) for client in clients}
        assert ports_to(port_of(elsewhere), os.getpid()) == {port_of(other)}
    assert ports_to(port_of(here), os.getpid()) == set()
