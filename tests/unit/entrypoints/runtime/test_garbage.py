"""Objects that live as long as the process are not looked at by garbage collection."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from framecloak.entrypoints.runtime.garbage import permanent_objects


@pytest.fixture(autouse=True)
def collected_again() -> Iterator[None]:
    yield
    gc.enable()
    gc.unfreeze()


def test_what_a_block_creates_is_permanent() -> None:
    before = gc.get_freeze_count()
    with permanent_objects():
        assert not gc.isenabled()
        created: list[list[int]] = [[] for _ in range(1000)]
    assert gc.isenabled()
    assert gc.get_freeze_count() >= before + len(created)
    assert not any(item is created for item in gc.get_objects())


def test_collection_goes_on_after_a_failure() -> None:
    with pytest.raises(ValueError, match="import failed"), permanent_objects():
        raise ValueError("import failed")
    assert gc.isenabled()


def test_collection_stays_off_where_it_was_off() -> None:
    gc.disable()
    with permanent_objects():
        pass
    assert not gc.isenabled()
