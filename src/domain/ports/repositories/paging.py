"""Pages of longer lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a longer list.

    Attributes:
        items: items of the page, at most as many as requested.
        total: number of items in the whole list.
    """

    items: Sequence[Item]
    total: int
