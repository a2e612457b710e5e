"""What several of the suites around faults need."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import cluster as clusters
from cluster import Cluster
from media_samples import write_video
from orders import FRAMES


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seconds of work."""
    return write_video(tmp_path_factory.mktemp("film") / "film.mp4", FRAMES, size=(320, 240))


@pytest.fixture
def cluster(database_url: str, redis_url: str, tmp_path: Path) -> Iterator[Cluster]:
    """An API and two workers, that keep objects in a folder and do a third of the film in one go."""
    with clusters.running(database_url, redis_url, tmp_path / "data") as running:
        yield running
