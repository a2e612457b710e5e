"""Compare every lock with published advisories, by ``pip-audit`` or with a file of advisories.

Run with ``make audit``. Asks OSV, another service (``--service``, ``--osv-url``), or nobody:
``--advisories`` reads an archive that was fetched elsewhere. Exits with 0 when every lock was compared and no
advisory concerns it, with 1 when advisories do, and with 75 when a lock could not be compared, because the
advisories cannot be reached or read or the program failed. A lock that was not compared is never reported as
good.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from advisories import Advisories, read_advisories

FOUND, NOT_COMPARED = 1, 75
"""Exit codes; 75 is ``EX_TEMPFAIL`` of ``sysexits.h``: try again later."""

HINT = (
    "run it where the service can be reached, choose another one with --service or --osv-url, or give an "
    "archive of OSV with --advisories, as SECURITY.md describes"
)

LOCKS = sorted((Path(__file__).parents[1] / "requirements").glob("*.lock"))


def ask_service(program: str, service: Sequence[str], lock: Path, report: Path) -> list[str] | None:
    """Return a line for each advisory about a lock; None if they could not be read.

    Args:
        program: path of pip-audit.
        service: its options for the service to ask.
        lock: lock file.
        report: file to write pip-audit's report to.
    """
    report.unlink(missing_ok=True)
    options = [
        *service,
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


def look_up(advisories: Advisories, lock: Path) -> list[str] | None:
    """Return a line for each advisory of a file about a lock; None if they could not be compared."""
    try:
        return advisories.about(lock)
    except (OSError, ValueError, KeyError, TypeError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return None


def main(arguments: Sequence[str] | None = None, locks: Sequence[Path] = LOCKS) -> int:
    """Compare all locks; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", help="path of pip-audit")
    parser.add_argument("--service", choices=["osv", "pypi"], default="osv", help="service to ask")
    parser.add_argument("--osv-url", help="address of another service with the interface of OSV")
    parser.add_argument("--advisories", type=Path, help="archive of OSV to read instead of asking a service")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        find: Callable[[Path], list[str] | None]
        if given.advisories:
            try:
                advisories = read_advisories(given.advisories)
            except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
                print(f"NOT COMPARED: cannot read {given.advisories}: {error}", file=sys.stderr)
                return NOT_COMPARED
            print(f"{given.advisories}: advisories up to {advisories.newest or 'an unknown time'}")
            find = partial(look_up, advisories)
        else:
            service = ["--vulnerability-service", given.service]
            service += ["--osv-url", given.osv_url] if given.osv_url else []
            report = Path(folder) / "report.json"
            find = partial(ask_service, given.program, service, report=report)
        return compare(locks, find)


def compare(locks: Sequence[Path], find: Callable[[Path], list[str] | None]) -> int:
    """Compare locks and print the outcome of each; return the exit code.

    Args:
        locks: lock files.
        find: returns a line for each advisory about a lock; None if it was not compared.
    """
    results: dict[str, list[str] | None] = {}
    for lock in locks:
        found = results[lock.name] = find(lock)
        text = "NOT COMPARED" if found is None else "\n  ".join(["advisories", *found]) if found else "none"
        print(f"{lock.name}: {text}", flush=True)
    missing = [name for name, found in results.items() if found is None]
    if missing or not results:
        print(
            f"NOT COMPARED with advisories: {', '.join(missing) or 'there are no locks'}\n{HINT}",
            file=sys.stderr,
        )
    if any(results.values()):
        return FOUND
    return NOT_COMPARED if missing or not results else 0


if __name__ == "__main__":
    sys.exit(main())
