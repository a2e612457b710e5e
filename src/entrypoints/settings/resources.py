"""CPU cores and memory available to this process."""

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
    """Return the number of usable cores: CPU affinity, or the quota of the control group if less."""
    cores = len(os.sched_getaffinity(0))
    quota = _cgroup_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


def available_memory() -> int | None:
    """Return the usable memory in bytes: memory of the machine, or the limit of the control group if less.

    Returns:
        None if the system does not report it.
    """
    limits = [
        limit for limit in (_meminfo_bytes("MemTotal"), *map(_read_memory_limit, _CGROUP_MEMORY)) if limit
    ]
    return min(limits, default=None)


def resident_memory() -> int | None:
    """Return the resident memory of this process in bytes; None if the system does not report it."""
    try:
        return int(_STATM.read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, IndexError):
        return None


def free_memory_share() -> float | None:
    """Return the share of the machine's memory that is available, 0..1; None if not reported."""
    total, available = _meminfo_bytes("MemTotal"), _meminfo_bytes("MemAvailable")
    return available / total if total and available is not None else None


def _meminfo_bytes(name: str) -> int | None:
    try:
        for line in _MEMINFO.read_text("ascii").splitlines():
            key, _, value = line.partition(":")
            if key == name:
                return int(value.split()[0]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return None


def _read_memory_limit(file: Path) -> int | None:
    try:
        return int(file.read_text("ascii"))
    except (OSError, ValueError):
        # No control groups on this system, or "max", which means no limit.
        return None


def _cgroup_quota() -> float | None:
    """Return the CPU quota of the control group in cores; None without a quota."""
    try:
        if _CGROUP_V2_QUOTA.is_file():
            quota, period = _CGROUP_V2_QUOTA.read_text("ascii").split()
        else:
            quota, period = _CGROUP_V1_QUOTA.read_text("ascii"), _CGROUP_V1_PERIOD.read_text("ascii")
        granted = int(quota) / int(period)
    except (OSError, ValueError):
        # No control groups on this system, or "max", which means no limit.
        return None
    return granted if granted > 0 else None
