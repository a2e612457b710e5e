"""Compare every lock with published advisories (OSV), by ``pip-audit``.

Run with ``make audit``. Exits with 0 when every lock was compared and no advisory concerns it, with 1 when
advisories do, and with 75 when a lock could not be compared, because the advisories cannot be reached or the
program failed. A lock that was not compared is never reported as good.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

FOUND, NOT_COMPARED = 1, 75
"""Exit codes; 75 is ``EX_TEMPFAIL`` of ``sysexits.h``: try again later."""

LOCKS = sorted((Path(__file__).parents[1] / "requirements").glob("*.lock"))


def advisories(program: str, lock: Path, report: Path) -> list[str] | None:
    """Return a line for each advisory about a lock; None if they could not be read.

    Args:
        program: path of pip-audit.
        lock: lock file.
        report: file to write pip-audit's report to.
    """
    report.unlink(missing_ok=True)
    options = [
        "--vulnerability-service",
        "osv",
        "--disable-pip",
        "--require-hashes",
        "--progress-spinner",
        "off",
    ]
    command = [program, *options, "--format", "json", "--output", str(report), "-r", str(lock)]
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, text=True)
    # pip-audit exits with 1 for advisories and for a failed connection, and only the former have a report.
    try:
        packages = json.loads(report.read_text())["dependencies"]
        skipped = [f"{one['name']}: {one['skip_reason']}" for one in packages if "skip_reason" in one]
        found = [
            f"{one['name']} {one['version']}: {advisory['id']}, "
            f"fixed in {', '.join(advisory['fix_versions']) or 'no version'}"
            for one in packages
            for advisory in one.get("vulns", [])
        ]
    except (OSError, ValueError, KeyError, TypeError):
        print(_reason(done.stderr), file=sys.stderr)
        return None
    if skipped or done.returncode not in ({FOUND} if found else {0}):
        print("\n".join(skipped) or _reason(done.stderr), file=sys.stderr)
        return None
    return found


def _reason(errors: str) -> str:
    """Return the last line of a program's errors: the exception, where it ended with one."""
    return (errors.strip().splitlines() or ["pip-audit gave no reason"])[-1]


def main(arguments: Sequence[str] | None = None, locks: Sequence[Path] = LOCKS) -> int:
    """Compare all locks; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", help="path of pip-audit")
    program = parser.parse_args(arguments).program
    results: dict[str, list[str] | None] = {}
    with tempfile.TemporaryDirectory() as folder:
        for lock in locks:
            found = results[lock.name] = advisories(program, lock, Path(folder) / "report.json")
            text = (
                "NOT COMPARED" if found is None else "\n  ".join(["advisories", *found]) if found else "none"
            )
            print(f"{lock.name}: {text}", flush=True)
    if any(results.values()):
        return FOUND
    missing = [name for name, found in results.items() if found is None]
    if missing or not results:
        print(f"NOT COMPARED with advisories: {', '.join(missing) or 'there are no locks'}", file=sys.stderr)
        return NOT_COMPARED
    return 0


if __name__ == "__main__":
    sys.exit(main())
