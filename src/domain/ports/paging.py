"""Stretches of longer lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A stretch of a longer list.

    Attributes:
        items: at most as many as were asked for.
        total: how many there are in all.
    """

    items: Sequence[Item]
    total: int
