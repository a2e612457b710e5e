"""What this process may use of the machine."""

from __future__ import annotations

import math
import os
from pathlib import Path

_CGROUP_V2_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CGROUP_V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


def available_cores() -> int:
    """Cores that this process may use: its affinity, and the quota of its control group if that is less."""
    cores = len(os.sched_getaffinity(0))
    quota = _cgroup_quota()
    return cores if quota is None else max(1, min(cores, math.ceil(quota)))


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
