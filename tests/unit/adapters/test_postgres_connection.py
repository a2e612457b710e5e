"""Closing of a database connection that was lost."""

from __future__ import annotations

import pytest
from sqlalchemy.exc import OperationalError, ResourceClosedError

from framecloak.adapters.postgres.connection import Connection


class LostConnection:
    """Connection whose rollback fails, before or after it counts as closed.

    Args:
        closes_first: whether it counts as closed when the rollback fails.
    """

    def __init__(self, *, closes_first: bool) -> None:
        self.closed = False
        self.invalidated = 0
        self._closes_first = closes_first

    async def close(self) -> None:
        self.closed = self._closes_first
        raise OperationalError("ROLLBACK", {}, OSError("the server closed the connection"))

    async def invalidate(self) -> None:
        if self.closed:
            raise ResourceClosedError("This Connection is closed")
        self.invalidated += 1


@pytest.mark.parametrize("closes_first", [False, True])
async def test_a_lost_connection_is_closed_without_an_error(*, closes_first: bool) -> None:
    lost = LostConnection(closes_first=closes_first)
    await Connection(lost).close()  # type: ignore[arg-type]
    assert lost.invalidated == (not closes_first)
