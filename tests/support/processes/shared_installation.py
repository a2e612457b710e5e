"""One installation for all tests of commands: a plugin, because every module is to have the same.

Tests make accounts, videos and galleries with names of their own in it, and leave it able to serve the next.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.processes.installation import Installation, installed


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Embedded servers with an administrator and two videos."""
    with installed(tmp_path_factory.mktemp("installation")) as made:
        yield made
