"""Memory limit of a worker, and the memory readings behind it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

import pytest

from framecloak.entrypoints.settings import resources
from framecloak.entrypoints.worker.memory_limit import MemoryReadings, MemoryWatermark

MIB = 1024**2


@dataclass
class Machine:
    held: int | None = 100 * MIB
    memory: int | None = 1000 * MIB
    free: float | None = 0.5

    def readings(self) -> MemoryReadings:
        return MemoryReadings(lambda: self.held, lambda: self.memory, lambda: self.free)


@pytest.mark.parametrize(("limit", "expected"), [(0, 800 * MIB), (300 * MIB, 300 * MIB)])
def test_work_is_accepted_up_to_the_limit(limit: int, expected: int) -> None:
    machine = Machine()
    memory = MemoryWatermark(limit, machine.readings())
    assert memory.limit == expected
    assert memory.check_memory()
    machine.held = expected - 1
    assert memory.check_memory()
    machine.held = expected
    assert not memory.check_memory()
    assert not memory.has_memory()


def test_no_work_is_accepted_when_other_processes_use_the_memory() -> None:
    machine = Machine(free=0.049)
    assert not MemoryWatermark(0, machine.readings()).check_memory()
    machine.free = 0.051
    assert MemoryWatermark(0, machine.readings()).check_memory()


def test_work_is_accepted_when_memory_cannot_be_read() -> None:
    memory = MemoryWatermark(0, Machine(None, None, None).readings())
    assert (memory.check_memory(), memory.limit) == (True, 0)


def test_stopping_and_resuming_are_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    machine = Machine()
    memory = MemoryWatermark(200 * MIB, machine.readings())
    for held in (100, 250, 260, 100, 100, 300):
        machine.held = held * MIB
        memory.check_memory()
        memory.has_memory()
    assert caplog.messages == [
        "takes no more work: this process holds 250 MiB of the 200 MiB it may hold",
        "takes work again: there is memory",
        "takes no more work: this process holds 300 MiB of the 200 MiB it may hold",
    ]


def test_the_memory_of_this_machine_can_be_read() -> None:
    memory, held = resources.available_memory(), resources.resident_memory()
    assert memory
    assert held
    assert MIB < held < memory
    assert 0 < (resources.free_memory_share() or 0) <= 1


def test_a_control_group_may_have_less_than_the_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    files = tmp_path / "memory.max", tmp_path / "limit_in_bytes"
    meminfo = tmp_path / "meminfo"
    meminfo.write_text("MemTotal:  1000 kB\nMemFree: 1 kB\nMemAvailable:  250 kB\n")
    monkeypatch.setattr(resources, "_MEMINFO", meminfo)
    monkeypatch.setattr(resources, "_CGROUP_MEMORY", files)
    assert resources.available_memory() == 1000 * 1024
    files[0].write_text("max\n")
    assert resources.available_memory() == 1000 * 1024
    files[0].write_text("4096\n")
    files[1].write_text("8192\n")
    assert resources.available_memory() == 4096
    assert resources.free_memory_share() == 0.25
    for file in (*files, meminfo):
        file.unlink()
    assert (resources.available_memory(), resources.free_memory_share()) == (None, None)
