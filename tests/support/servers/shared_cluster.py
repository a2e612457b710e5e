"""One installation for many tests: they hurt its workers, of which there are always more."""

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
    """Started when it is first needed, and anew after a test has failed, of which anything may be left.

    Attributes:
        create_database: makes a migrated database without rows; gives its address.
        redis_url: of a Redis that nobody else uses.
        folder: for what it keeps.
        film: what tests order.
    """

    create_database: Callable[[], str]
    redis_url: str
    folder: Path
    film: Path
    _cluster: Cluster | None = None
    _resources: ExitStack = field(default_factory=ExitStack)
    _times: int = 0

    @contextmanager
    def lent(self, has_failed: Callable[[], bool]) -> Iterator[Cluster]:
        """An API and two workers with nothing to do.

        Args:
            has_failed: whether the test did, afterwards.
        """
        cluster = self.started()
        with ExitStack() as ended:
            ended.callback(self.close)
            cluster.make_ready()
            yield cluster
            if not has_failed():
                cluster.clear_up()
                for service in (cluster.api, *cluster.workers):
                    service.keep()
                ended.pop_all()

    def started(self) -> Cluster:
        """Start it, unless it runs, and measure how long that takes, and the film."""
        if self._cluster is None:
            with Redis.from_url(self.redis_url) as redis:
                redis.flushall()
            self._times += 1
            began = time.monotonic()
            running = clusters.running(self.create_database(), self.redis_url, self.folder / str(self._times))
            cluster = self._resources.enter_context(running)
            PACE.start = time.monotonic() - began
            began = time.monotonic()
            cluster.order(self.film).undisturbed()
            PACE.order = time.monotonic() - began
            self._cluster = cluster
        return self._cluster

    def close(self) -> None:
        """End it."""
        self._cluster = None
        self._resources.close()
