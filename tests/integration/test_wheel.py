"""The built wheel, as it is installed without a checkout."""

from __future__ import annotations

import zipfile
from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[2]


def test_the_wheel_contains_the_console_and_the_migrations(tmp_path: Path) -> None:
    (wheel,) = WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(wheel) as archive:
        packed = {name: archive.read(name) for name in archive.namelist()}
    source = ROOT / "src"
    web = source / "entrypoints" / "http" / "web"
    files = {f"framecloak/{path.relative_to(source)}": path for path in web.rglob("*") if path.is_file()}
    assert len(files) > 40
    assert {name: packed.get(name) for name in files} == {
        name: path.read_bytes() for name, path in files.items()
    }
    versions = ROOT / "migrations" / "versions"
    migrations = {
        f"framecloak/adapters/postgres/migrations/versions/{path.name}" for path in versions.glob("0*.py")
    }
    assert migrations
    assert migrations <= set(packed)
    # Top-level packages called `domain` or `adapters` would collide with others.
    assert {name.split("/")[0] for name in packed if ".dist-info/" not in name} == {"framecloak"}
