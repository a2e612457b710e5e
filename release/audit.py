"""Compare every lock with published advisories (OSV), by ``pip-audit``.

Run with ``make audit``. Where the advisories cannot be reached, it says so and ends with 0, so that a build
without a network does not fail; ``--required`` makes that an error, for the job that has one.
"""

from __future__ import annotations

import argparse
import socket
import subprocess
import sys
from pathlib import Path

ADVISORIES = "api.osv.dev"
TIMEOUT_SECONDS = 5
LOCKS = sorted((Path(__file__).parents[1] / "requirements").glob("*.lock"))


def is_reachable(host: str) -> bool:
    """Return whether a host accepts HTTPS connections."""
    try:
        with socket.create_connection((host, 443), TIMEOUT_SECONDS):
            return True
    except OSError:
        return False


def audit(program: str, lock: Path) -> int:
    """Print the advisories about a lock and return the exit code; 1 if there are any."""
    print(f"{lock.name}:", flush=True)
    command = [
        program,
        "--vulnerability-service",
        "osv",
        "--disable-pip",
        "--require-hashes",
        "-r",
        str(lock),
    ]
    return subprocess.run(command, check=False).returncode


def main() -> int:
    """Audit all locks."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", help="path of pip-audit")
    parser.add_argument("--required", action="store_true", help="fail where advisories cannot be reached")
    arguments = parser.parse_args()
    if not is_reachable(ADVISORIES):
        print(f"SKIPPED: {ADVISORIES} cannot be reached from here; no lock was compared with advisories")
        return int(arguments.required)
    return max(audit(arguments.program, lock) for lock in LOCKS)


if __name__ == "__main__":
    sys.exit(main())
