"""What this process may use of the machine."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP_V2_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CGROUP_V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")
_CGROUP_MEMORY = (
    Path("/sys/fs/cgroup/memory.max"),
    Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
)
_MEMINFO = Path("/proc/meminfo")
_STATM = Path("/proc/self/statm")


def available_cores() -> int:
    """Cores that this process may use: its affinity, and the quota of its control group if that is less."""
    cores = len(os.sched_getaffinity(0))
    quota = _cgroup_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def available_memory() -> int | None:
    """Bytes that this process may use: the machine's memory, and the limit of its control group if less.

    Returns:
        None where the system does not say.
    """
    limits = [limit for limit in (_memory_line("MemTotal"), *map(_limit, _CGROUP_MEMORY)) if limit]
    return min(limits, default=None)


def resident_memory() -> int | None:
    """Bytes of memory that this process holds; None where the system does not say."""
    try:
        return int(_STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def free_memory_share() -> float | None:
    """How much of the machine's memory could be had now, in 0..1; None where the system does not say."""
    total, available = _memory_line("MemTotal"), _memory_line("MemAvailable")
    return available / total if total and available is not None else None


def _memory_line(name: str) -> int | None:
    try:
        for line in _MEMINFO.read_text("ascii").splitlines():
            key, _, value = line.partition(":")
            if key == name:
                return int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _limit(file: Path) -> int | None:
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        # No control groups here, or "max": no limit.
        return None


def _cgroup_quota() -> float | None:
    """Cores' worth of time that the control group grants; None without a limit."""
    try:
        if _CGROUP_V2_QUOTA.is_file():
            quota, period = _CGROUP_V2_QUOTA.read_text("ascii").split()
        else:
            quota, period = _CGROUP_V1_QUOTA.read_text("ascii"), _CGROUP_V1_PERIOD.read_text("ascii")
        granted = int(quota) / int(period)
    except (OSError, ValueError):
        # No control groups here, or "max": no limit.
        return None
    return granted if granted > 0 else None
