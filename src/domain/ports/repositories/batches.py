"""Repository of batches of orders."""

from __future__ import annotations

from typing import Protocol
from uuid import UUID

from framecloak.domain.anonymization.model.orders.batch import Batch
from framecloak.domain.model.accounts import Principal
from framecloak.domain.ports.repositories.paging import Page


class BatchRepository(Protocol):
    """Repository of batches. A caller may see own batches; an administrator all."""

    async def add(
        self, user_id: int, template_name: str | None, idempotency: tuple[str, bytes] | None
    ) -> tuple[UUID, bool]:
        """Store a new batch without items.

        Args:
            user_id: id of the ordering account.
            template_name: name of the template for display, or None.
            idempotency: the caller's idempotency key and a digest of the batch.

        Returns:
            The id of the batch, and True if it is new; for a repeated key, the id of the earlier batch.

        Raises:
            IdempotencyConflictError: the key was used with a different batch.
        """
        ...

    async def accept(self, batch_id: UUID, number: int, video_id: int, request_id: UUID) -> None:
        """Record an accepted order; a repeated record replaces the earlier one."""
        ...

    async def reject(self, batch_id: UUID, number: int, video_id: int, error_code: str, error: str) -> None:
        """Record a rejected order; a repeated record replaces the earlier one."""
        ...

    async def get(self, batch_id: UUID, principal: Principal) -> Batch:
        """Return a batch with its items.

        Raises:
            BatchNotFoundError: the batch does not exist, or belongs to another account.
        """
        ...

    async def list(self, principal: Principal, limit: int, offset: int) -> Page[Batch]:
        """Return a page of the batches that the caller may see, with their items, newest first."""
        ...
