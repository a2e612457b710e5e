"""A client of the HTTP API that does what a person would: upload, mark, submit, follow, fetch."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from framecloak.domain.errors import DomainError, ExaminationError

_CHUNK = 1 << 20
_PATIENCE = 60.0
"""Seconds that one answer may take; the service gives a sign of life every 15 s while it works."""


class DemoClient:
    """Signed in with a token that lives for minutes.

    Args:
        address: of the service.
        username: of an account.
        password: of the account.
    """

    def __init__(self, address: str, username: str, password: str) -> None:
        self._http = httpx.AsyncClient(base_url=address, timeout=_PATIENCE)
        self._credentials = {"username": username, "password": password}

    async def __aenter__(self) -> Self:
        """Sign in."""
        tokens = await self._call("POST", "/api/auth/token", json=self._credentials)
        self._http.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        await self._http.aclose()

    async def upload(self, path: Path) -> dict[str, Any]:
        """Store a video; returns its facts."""
        headers = {"Content-Type": "video/mp4"}
        parameters = {"filename": path.name}
        facts: dict[str, Any] = await self._call(
            "POST", "/api/videos/", content=_chunks(path), headers=headers, params=parameters
        )
        return facts

    async def mark_segment(self, video_id: int, start: int, end: int) -> int:
        """Mark the frames ``[start, end)``; returns the segment's number."""
        body = {"start_frame": start, "end_frame": end, "label": "demo"}
        marked = await self._call("POST", f"/api/videos/{video_id}/segments/", json=body)
        return int(marked["id"])

    async def mark_region(self, video_id: int, x: int, y: int, width: int, height: int) -> None:
        """Mark an area, in pixels, that is redacted in every frame."""
        body = {"x": x, "y": y, "width": width, "height": height, "label": "demo"}
        await self._call("POST", f"/api/videos/{video_id}/regions/", json=body)

    async def submit(self, video_id: int, segment_id: int) -> str:
        """Have a segment anonymised; returns the request's id."""
        body = {"video_id": video_id, "segment_ids": [segment_id], "anonymization_level": "faces"}
        submitted = await self._call("POST", "/api/frames/anonymize/", json=body)
        return str(submitted["request_id"])

    async def follow(self, request_id: str, on_progress: Callable[[int], None]) -> None:
        """Wait until a request is done.

        Args:
            request_id: of the request.
            on_progress: called with the number of frames done, whenever it changes.

        Raises:
            ExaminationError: it failed.
        """
        url = f"/api/frames/anonymize/events/{request_id}/"
        status: dict[str, Any] = {}
        async with self._http.stream("GET", url) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    status = json.loads(line.removeprefix("data: "))
                    on_progress(status["processed_frames"])
        if status.get("status") != "completed":
            raise ExaminationError(f"the request is {status.get('status')}", status.get("error") or "")

    async def download(self, request_id: str, path: Path) -> None:
        """Fetch a result by its one-time link."""
        url = f"/api/frames/anonymize/download/{request_id}/"
        async with self._http.stream("GET", url, follow_redirects=True) as response:
            if response.is_error:
                await response.aread()
            _require_success(response)
            with path.open("wb") as file:
                async for chunk in response.aiter_bytes(_CHUNK):
                    file.write(chunk)

    async def frame(self, video_id: int, index: int) -> bytes:
        """An original frame of a video, as JPEG."""
        response = await self._http.get(f"/api/videos/{video_id}/frames/{index}.jpg")
        _require_success(response)
        return response.content

    async def faces(self, picture: bytes) -> list[dict[str, Any]]:
        """Every face in a picture, the largest first; none where there is none."""
        body = {"images": [base64.b64encode(picture).decode("ascii")]}
        found = await self._call("POST", "/analyze/batch", json=body)
        faces: list[dict[str, Any]] = [
            face | {"model": found["model"]} for face in found["results"][0]["faces"]
        ]
        return faces

    async def create_gallery(self, name: str, lasts: timedelta) -> str:
        """Make a gallery that deletes itself after some time; returns its id."""
        body = {"name": name, "expires_at": (datetime.now(UTC) + lasts).isoformat()}
        return str((await self._call("POST", "/galleries", json=body))["id"])

    async def enrol(self, gallery_id: str, label: str, face: dict[str, Any]) -> None:
        """Add a face that was found to a gallery."""
        body = {"label": label, "embedding": face["embedding"], "model": face["model"]}
        await self._call("POST", f"/galleries/{gallery_id}/faces", json=body)

    async def similarity(self, gallery_id: str, face: dict[str, Any]) -> float:
        """How like a face that was found is to the one in the gallery that is most like it."""
        body = {"embedding": face["embedding"], "model": face["model"], "threshold": -1, "top_k": 1}
        (match,) = await self._call("POST", f"/galleries/{gallery_id}/search", json=body)
        return float(match["similarity"])

    async def _call(self, method: str, url: str, **arguments: Any) -> Any:  # noqa: ANN401 - httpx's and JSON's
        response = await self._http.request(method, url, **arguments)
        _require_success(response)
        return response.json()


def _require_success(response: httpx.Response) -> None:
    """Refuse to go on after an error.

    Raises:
        DomainError: what the service says is wrong, with the code that it says it with.
    """
    if response.is_success:
        return
    problem = response.json()
    kinds = {kind.code: kind for kind in DomainError.__subclasses__()}
    raise kinds.get(problem.get("code"), DomainError)(problem["detail"], problem.get("hint") or "")


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk
