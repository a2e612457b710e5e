"""One installation for all command tests: a plugin, so that every module gets the same one.

Tests create accounts, videos and galleries under their own names, and leave the installation usable.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.processes.installation import Installation, installed


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """Embedded servers with an administrator and two videos."""
    with installed(tmp_path_factory.mktemp("installation")) as shared:
        yield shared
