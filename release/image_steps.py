"""Run the steps of docker/Dockerfile for the default image on the CPU, and then those of `docker run`.

Without a container engine: the packages are installed into their own environment, from the lock with its
hashes; the service runs as an unprivileged user with a data folder, in a read-only working directory.
"""

from __future__ import annotations

import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from urllib.request import urlopen

ROOT = Path(__file__).parents[1]
SYSTEM_PYTHON = Path("/usr/bin/python3")
USER = pwd.getpwnam("nobody")
"""Like the image's user, it has a name, which Postgres requires."""

START_SECONDS = 120
SOURCES = ("pyproject.toml", "README.md", "LICENSE", "migrations", "src")


def build(folder: Path) -> tuple[Path, Path]:
    """Run the stages `builder`, `wheel`, `packages-cpu` and `models`; return environment and models."""
    builder, packages, models = folder / "builder", folder / "framecloak", folder / "models"
    venv.create(builder, with_pip=True)
    pip = [builder / "bin" / "python", "-m", "pip"]
    run(*pip, "install", "--require-hashes", "--requirement", ROOT / "requirements" / "build.lock")
    sources = folder / "build"
    sources.mkdir()
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, sources / name)
    run(*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder / "dist", sources)
    venv.create(packages, with_pip=False)
    lock, wheels = ROOT / "requirements" / "cpu.lock", folder / "wheels"
    built = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels]
    run(*built, "--require-hashes", "--requirement", lock)
    into = [*pip, "--python", packages / "bin" / "python", "install", "--no-deps"]
    run(*into, "--no-index", *wheels.glob("*.whl"))
    run(*into, *(folder / "dist").glob("*.whl"))
    run(packages / "bin" / "framecloak", "models", "build", "--model-path", models)
    run(packages / "bin" / "framecloak", "models", "verify", "--model-path", models)
    return packages, models


def require_no_foreign_libraries(packages: Path) -> None:
    """Check that every shared library that OpenCV needs is in its wheel or in a minimal Debian."""
    files = [path for path in packages.rglob("*.so*") if "cv2" in path.parts or "opencv" in str(path)]
    assert files
    found = run("ldd", *files, quiet=True)
    foreign = re.findall(
        r"(libGL\S*|libX\S*|libglib\S*|\S+) => (?:not found|/lib\S*/(?:libGL|libX|libglib))", found
    )
    assert not foreign, foreign


def serve(packages: Path, models: Path, folder: Path) -> None:
    """Run the image `framecloak`: as an unprivileged user who can write to the data folder only."""
    data, work, scratch = folder / "data", folder / "work", folder / "tmp"
    for path in (data, work, scratch):
        path.mkdir()
    identity = {}
    if os.geteuid() == 0:
        identity = {"user": USER.pw_uid, "group": USER.pw_gid, "extra_groups": []}
        for path in (data, scratch):
            os.chown(path, USER.pw_uid, USER.pw_gid)
    work.chmod(0o555)
    environment = {
        "PATH": f"{packages / 'bin'}:/usr/bin:/bin",
        "DATA_DIR": str(data),
        "MODEL_PATH": str(models),
        "TMPDIR": str(scratch),
        "HOST": "127.0.0.1",
        "PORT": str(free_port()),
        "LOG_FORMAT": "json",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONUNBUFFERED": "1",
    }
    before = snapshot(packages, models)
    process = subprocess.Popen(
        ["framecloak", "serve"], cwd=work, env=environment, stdout=subprocess.PIPE, text=True, **identity
    )
    try:
        address = wait_until_ready(process)
        with urlopen(f"{address}/health", timeout=10) as answer:
            assert answer.status == 200
        health_check = [packages / "bin" / "framecloak", "healthcheck", "api"]
        subprocess.run(health_check, cwd=work, env=environment, check=True, **identity)
    finally:
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
    assert code == 0, f"stopped with {code}"
    assert snapshot(packages, models) == before, "the program wrote into its own folders"
    assert not list(work.iterdir())


def wait_until_ready(process: subprocess.Popen[str]) -> str:
    """Wait until the service is ready; return its address."""
    assert process.stdout
    patience = time.monotonic() + START_SECONDS
    for line in process.stdout:
        print(line, end="")
        if line.startswith("ready "):
            return line.removeprefix("ready ").strip()
        assert time.monotonic() < patience, "it does not start"
    raise AssertionError("it ended before it was ready")


def free_port() -> int:
    """Return a port that is free now; the health check has to know it."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
    return port


def snapshot(*folders: Path) -> dict[Path, int]:
    """Return every file with its modification time."""
    return {
        path: path.stat().st_mtime_ns for folder in folders for path in folder.rglob("*") if path.is_file()
    }


def run(*command: str | Path, quiet: bool = False) -> str:
    """Print and run a step."""
    if not quiet:
        print("$", *command, flush=True)
    # A fresh machine has no wheels from earlier builds.
    variables = {**os.environ, "PIP_NO_CACHE_DIR": "1"}
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True, env=variables)
    if done.returncode:
        sys.exit(f"{done.stdout}\n{command[0]} ended with {done.returncode}")
    return done.stdout


def is_for_everybody(program: Path) -> bool:
    """Return whether other users can run a program, which may be in a home folder."""
    return all(folder.stat().st_mode & 0o001 for folder in (program, *program.parents))


def main() -> None:
    """Run everything in a folder that all users can enter, like the folders of an image."""
    if os.geteuid() == 0 and not is_for_everybody(Path(sys.executable).resolve()):
        if SYSTEM_PYTHON.resolve() == Path(sys.executable).resolve() or not SYSTEM_PYTHON.exists():
            sys.exit(f"{sys.executable} cannot be run by other users than root; use a Python that can")
        os.execv(SYSTEM_PYTHON, [str(SYSTEM_PYTHON), *sys.argv])
    with tempfile.TemporaryDirectory(prefix="framecloak-image-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        packages, models = build(folder)
        run(packages / "bin" / "framecloak", "--help")
        require_no_foreign_libraries(packages)
        serve(packages, models, folder)
    print("every step of the image works")


if __name__ == "__main__":
    main()
