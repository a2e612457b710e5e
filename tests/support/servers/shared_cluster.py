"""One installation for many tests, which kill and replace its workers."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from redis import Redis

from support.pace import PACE
from support.servers import cluster as clusters
from support.servers.cluster import Cluster


@dataclass
class SharedCluster:
    """Started on first use, and restarted after a failed test, which may have left anything behind.

    Attributes:
        create_database: creates a migrated database without rows; returns its address.
        redis_url: address of a Redis for this cluster alone.
        folder: folder for its data.
        video: the sample video.
    """

    create_database: Callable[[], str]
    redis_url: str
    folder: Path
    video: Path
    _cluster: Cluster | None = None
    _resources: ExitStack = field(default_factory=ExitStack)
    _times: int = 0

    @contextmanager
    def lent(self, has_failed: Callable[[], bool]) -> Iterator[Cluster]:
        """Yield an API and two idle workers.

        Args:
            has_failed: returns afterwards whether the test failed.
        """
        cluster = self.started()
        with ExitStack() as ended:
            ended.callback(self.close)
            cluster.make_ready()
            yield cluster
            if not has_failed():
                cluster.clean_up()
                for service in (cluster.api, *cluster.workers):
                    service.keep()
                ended.pop_all()

    def started(self) -> Cluster:
        """Start it, unless it runs, and measure its start and the time for the sample video."""
        if self._cluster is None:
            with Redis.from_url(self.redis_url) as redis:
                redis.flushall()
            self._times += 1
            began = time.monotonic()
            running = clusters.running(self.create_database(), self.redis_url, self.folder / str(self._times))
            cluster = self._resources.enter_context(running)
            PACE.start = time.monotonic() - began
            began = time.monotonic()
            cluster.repeatable_request(self.video).reference_result()
            PACE.request = time.monotonic() - began
            self._cluster = cluster
        return self._cluster

    def close(self) -> None:
        """Stop it."""
        self._cluster = None
        self._resources.close()
