"""The benchmark of a fleet, with a few workers: nothing is lost or doubled, and it still runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.deployment_files import ROOT
from support.patience import patience


@pytest.mark.nightly
def test_a_small_fleet_loses_and_doubles_nothing() -> None:
    sizes = {"workers": 6, "slices": 40, "accounts": 5, "frames-per-second": 2000, "slots": 5, "deaths": 0.1}
    words = [word for name, value in sizes.items() for word in (f"--{name}", str(value))]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.service.fleet", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=patience(300),
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "lost 0 requests, 0 frames; doubled 0; " in done.stdout
