"""Clients that follow a request receive its end, even when the API is restarted meanwhile."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from support.http.client import Request, wait_until
from support.servers.cluster import Cluster

pytestmark = pytest.mark.faults


class Listener:
    """Follows a request as a browser does: reconnects to the present API until the stream ends.

    Attributes:
        streams: the states received on each connection.
    """

    def __init__(self, request: Request) -> None:
        self.streams: list[list[dict[str, Any]]] = []
        self._request = request

    @property
    def told(self) -> list[dict[str, Any]]:
        return [state for stream in self.streams for state in stream]

    def run(self, is_over: Callable[[], bool]) -> None:
        while not is_over() and not (self.told and self.told[-1]["completed_at"]):
            try:
                self._listen()
            except httpx.HTTPError:
                time.sleep(0.1)

    def _listen(self) -> None:
        http = self._request.cluster.http
        address = http.base_url.join(f"/api/frames/anonymize/events/{self._request.id}/")
        with (
            httpx.Client(headers=http.headers, timeout=30) as client,
            client.stream("GET", address) as response,
        ):
            response.raise_for_status()
            self.streams.append([])
            for line in response.iter_lines():
                if line.startswith("data: "):
                    self.streams[-1].append(json.loads(line.removeprefix("data: ")))


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_no_status_is_missed_when_the_api_restarts(
    cluster: Cluster, video_file: Path, how: signal.Signals
) -> None:
    request = cluster.repeatable_request(video_file).submit()
    listener, over = Listener(request), False
    with ThreadPoolExecutor(1) as threads:
        following = threads.submit(listener.run, lambda: over)
        try:
            # Some of the work is done before the API stops, and some after it has come back.
            with request.held():
                wait_until(
                    lambda: any(state["processed_frames"] for state in listener.told), "progress is told"
                )
                cluster.api.stop(how)
                cluster.start_api()
            request.wait()
            wait_until(following.done, "the stream has ended")
        finally:
            over = True
        following.result()
    # A stopping API ends its streams properly, as long as that does not take too long.
    assert len([stream for stream in listener.streams if stream]) >= (2 if how is signal.SIGKILL else 1)
    assert listener.streams[-1][-1] == request.status()
    done = [state["processed_frames"] for state in listener.told]
    assert done == sorted(done)
    statuses = list(dict.fromkeys(state["status"] for state in listener.told))
    assert statuses in (["processing", "completed"], ["pending", "processing", "completed"])
