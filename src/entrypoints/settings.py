"""The environment, read once into one frozen struct; options of the command line override it."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from adapters.vision.weights import models_folder
from domain.errors import InvalidOptionError

PROVIDERS = ("auto", "cpu", "cuda", "tensorrt")
PRECISIONS = ("auto", "fp32", "int8")
MAX_THREADS = 256

_CGROUP_V2_QUOTA = Path("/sys/fs/cgroup/cpu.max")
_CGROUP_V1_QUOTA = Path("/sys/fs/cgroup/cpu/cpu.cfs_quota_us")
_CGROUP_V1_PERIOD = Path("/sys/fs/cgroup/cpu/cpu.cfs_period_us")


@dataclass(frozen=True, slots=True)
class Settings:
    """What a machine is set up for.

    Attributes:
        models: folder of model files (``MODEL_PATH``; default the user's cache folder).
        detector: ``auto``, ``centerface`` or the name of an InsightFace pack (``FRAMECLOAK_DETECTOR``).
        provider: where models run, one of ``PROVIDERS`` (``FRAMECLOAK_PROVIDER``).
        precision: what they calculate with, one of ``PRECISIONS`` (``FRAMECLOAK_PRECISION``).
        threads: frames worked on at the same time (``FRAMECLOAK_THREADS``; default all cores there are).
    """

    models: Path
    detector: str
    provider: str
    precision: str
    threads: int

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read and check the variables; an empty one counts as not set.

        Raises:
            InvalidOptionError: a variable has a value that is not allowed.
        """
        return cls(
            models=models_folder(environment),
            detector=environment.get("FRAMECLOAK_DETECTOR") or "auto",
            provider=_one_of(environment, "FRAMECLOAK_PROVIDER", PROVIDERS),
            precision=_one_of(environment, "FRAMECLOAK_PRECISION", PRECISIONS),
            threads=_threads(environment, "FRAMECLOAK_THREADS"),
        )


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


def _one_of(environment: Mapping[str, str], name: str, allowed: tuple[str, ...]) -> str:
    value = environment.get(name) or allowed[0]
    if value not in allowed:
        raise InvalidOptionError(f"{name} is {value!r}", f"set it to one of {', '.join(allowed)}")
    return value


def _threads(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name)
    if not value:
        return available_cores()
    if not value.isdecimal() or not 1 <= int(value) <= MAX_THREADS:
        raise InvalidOptionError(f"{name} is {value!r}", f"set it to a number from 1 to {MAX_THREADS}")
    return int(value)
