"""HTTP API client of the demo: upload, mark, submit, follow, download."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from framecloak.domain.errors import DomainError, FrameAnalysisError

_CHUNK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 60.0
"""Read timeout in seconds; event streams send a keep-alive every 15 s."""


class DemoClient:
    """Asynchronous client of the HTTP API that signs in with a short-lived access token.

    Args:
        address: base URL of the service.
        username: name of the account.
        password: password of the account.
    """

    def __init__(self, address: str, username: str, password: str) -> None:
        self._http = httpx.AsyncClient(base_url=address, timeout=_TIMEOUT_SECONDS)
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
        """Upload a video and return its metadata."""
        headers = {"Content-Type": "video/mp4"}
        parameters = {"filename": path.name}
        facts: dict[str, Any] = await self._call(
            "POST", "/api/videos/", content=_chunks(path), headers=headers, params=parameters
        )
        return facts

    async def mark_segment(self, video_id: int, start: int, end: int) -> int:
        """Mark the frames ``[start, end)`` and return the id of the segment."""
        body = {"start_frame": start, "end_frame": end, "label": "demo"}
        marked = await self._call("POST", f"/api/videos/{video_id}/segments/", json=body)
        return int(marked["id"])

    async def mark_region(self, video_id: int, x: int, y: int, width: int, height: int) -> None:
        """Mark a rectangle, in pixels, that is redacted in every frame."""
        body = {"x": x, "y": y, "width": width, "height": height, "label": "demo"}
        await self._call("POST", f"/api/videos/{video_id}/regions/", json=body)

    async def submit(self, video_id: int, segment_id: int) -> str:
        """Submit a request for a segment and return the id of the request."""
        body = {"video_id": video_id, "segment_ids": [segment_id], "anonymization_level": "faces"}
        submitted = await self._call("POST", "/api/frames/anonymize/", json=body)
        return str(submitted["request_id"])

    async def follow(self, request_id: str, on_progress: Callable[[int], None]) -> None:
        """Wait until a request is finished.

        Args:
            request_id: id of the request.
            on_progress: called with the number of processed frames on every event.

        Raises:
            FrameAnalysisError: the request did not complete.
        """
        url = f"/api/frames/anonymize/events/{request_id}/"
        status: dict[str, Any] = {}
        async with self._http.stream("GET", url) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: "):
                    status = json.loads(line.removeprefix("data: "))
                    on_progress(status["processed_frames"])
        if status.get("status") != "completed":
            raise FrameAnalysisError(
                f"the request ended with the status {status.get('status')}", status.get("error") or ""
            )

    async def download(self, request_id: str, path: Path) -> None:
        """Download a result with its one-time link."""
        url = f"/api/frames/anonymize/download/{request_id}/"
        async with self._http.stream("GET", url, follow_redirects=True) as response:
            if response.is_error:
                await response.aread()
            _require_success(response)
            with path.open("wb") as file:
                async for chunk in response.aiter_bytes(_CHUNK_BYTES):
                    file.write(chunk)

    async def frame(self, video_id: int, index: int) -> bytes:
        """Return an original frame of a video as JPEG."""
        response = await self._http.get(f"/api/videos/{video_id}/frames/{index}.jpg")
        _require_success(response)
        return response.content

    async def faces(self, image: bytes) -> list[dict[str, Any]]:
        """Return the faces in an image, largest first."""
        body = {"images": [base64.b64encode(image).decode("ascii")]}
        analysis = await self._call("POST", "/analyze/batch", json=body)
        faces: list[dict[str, Any]] = [
            face | {"model": analysis["model"]} for face in analysis["results"][0]["faces"]
        ]
        return faces

    async def create_gallery(self, name: str, ttl: timedelta) -> str:
        """Create a gallery that expires after the given time and return its id."""
        body = {"name": name, "expires_at": (datetime.now(UTC) + ttl).isoformat()}
        return str((await self._call("POST", "/galleries", json=body))["id"])

    async def enrol(self, gallery_id: str, label: str, face: dict[str, Any]) -> None:
        """Add a detected face to a gallery."""
        body = {"label": label, "embedding": face["embedding"], "model": face["model"]}
        await self._call("POST", f"/galleries/{gallery_id}/faces", json=body)

    async def similarity(self, gallery_id: str, face: dict[str, Any]) -> float:
        """Return the cosine similarity of a detected face to the most similar face in a gallery."""
        body = {"embedding": face["embedding"], "model": face["model"], "threshold": -1, "top_k": 1}
        (match,) = await self._call("POST", f"/galleries/{gallery_id}/search", json=body)
        return float(match["similarity"])

    async def _call(self, method: str, url: str, **arguments: Any) -> Any:  # noqa: ANN401 - httpx's and JSON's
        response = await self._http.request(method, url, **arguments)
        _require_success(response)
        return response.json()


def _require_success(response: httpx.Response) -> None:
    """Raise the error that a response reports.

    Raises:
        DomainError: the response is an error; the exception has its code, detail and hint.
    """
    if response.is_success:
        return
    problem = response.json()
    kinds = {kind.code: kind for kind in DomainError.__subclasses__()}
    raise kinds.get(problem.get("code"), DomainError)(problem["detail"], problem.get("hint") or "")


async def _chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            yield chunk
