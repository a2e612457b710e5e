"""Emotion reader that calls a CLIP service over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from time import perf_counter
from types import TracebackType
from typing import Self

import httpx
import msgspec
import numpy as np

from framecloak.adapters.vision.emotions.clip_onnx import MAX_BATCH, require_crops
from framecloak.adapters.vision.emotions.clip_protocol import EmotionsRequest, EmotionsResponse, RgbImage
from framecloak.domain.errors import EmotionsUnavailableError
from framecloak.domain.imaging.detections import FloatArray, Image
from framecloak.domain.ports.metrics import NULL_MODEL_METER, ModelMeter
from framecloak.domain.support.circuit_breaker import CircuitBreaker
from framecloak.domain.support.resilience import Backoff

MSGPACK = "application/msgpack"
MAX_REQUEST_BYTES = 64 * 1024**2
"""Maximum size of a request body in bytes; an image of the maximum size fits."""

_CONNECT_SECONDS = 1.0
_HEALTH_SECONDS = 1.0
_FRAMING_BYTES = 64 * 1024
"""Bytes of a request body that are reserved for data other than pixels."""

_TOO_MANY_REQUESTS = 429
_SUM_TOLERANCE = 1e-3


class _NoAnswerError(EmotionsUnavailableError):
    """Missing answer or server error of the service; a retry may help."""


class HttpEmotionReader:
    """Emotion reader that calls a CLIP service. It can be shared between tasks of one event loop.

    Requests are retried for a short time if the service does not answer. After several failed calls a circuit
    breaker refuses further calls for a while, so that an analysis does not wait for a dead service. Because
    requests contain faces, the client follows no redirects and uses no proxies, and their content never
    appears in an error or a log line.

    Args:
        url: base URL of the service, without a trailing slash.
        token: shared bearer token; empty for none.
        total_seconds: time limit of a call in seconds, including all its requests and retries.
        max_images: maximum number of images per request.
        max_bytes: maximum size of a request body in bytes.
        backoff: retry policy.
        breaker: circuit breaker.
        meter: meter that records every request with its retries.
        transport: HTTP transport; None for the network.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str = "",
        total_seconds: float = 3.0,
        max_images: int = MAX_BATCH,
        max_bytes: int = MAX_REQUEST_BYTES,
        backoff: Backoff | None = None,
        breaker: CircuitBreaker | None = None,
        meter: ModelMeter = NULL_MODEL_METER,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._total_seconds = total_seconds
        self._max_images = max_images
        self._max_pixel_bytes = max_bytes - _FRAMING_BYTES
        self._backoff = backoff or Backoff(total_seconds=total_seconds / 2, first_pause=0.1, max_pause=1.0)
        self._breaker = breaker or CircuitBreaker()
        self._meter = meter
        self._emotions: tuple[str, ...] = ()
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={b"Authorization": f"Bearer {token}".encode()} if token else None,
            timeout=httpx.Timeout(total_seconds, connect=_CONNECT_SECONDS),
            transport=transport,
            trust_env=False,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    @property
    def emotions(self) -> tuple[str, ...]:
        """Emotions of the service's last answer; empty before the first answer."""
        return self._emotions

    async def read(self, crops: list[Image]) -> FloatArray:
        """Return the probabilities of the emotions in face crops.

        Args:
            crops: faces with some surroundings, each (h, w, 3) uint8 RGB of any size.

        Returns:
            (n, emotions) float32; each row sums to 1.

        Raises:
            EmotionsUnavailableError: the service does not answer or refuses, or the circuit breaker is open.
            ValueError: a crop is not a non-empty (h, w, 3) uint8 array.
        """
        require_crops(crops)
        end = asyncio.get_running_loop().time() + self._total_seconds
        rows = [await self._read_batch(portion, end) for portion in self._request_batches(crops)]
        if len({part.shape[1] for part in rows}) > 1:
            raise EmotionsUnavailableError("the CLIP service was replaced during the call", "try again")
        return np.concatenate(rows) if rows else np.empty((0, len(self._emotions)), np.float32)

    async def is_available(self) -> bool:
        """Return True if the service is healthy and the circuit breaker is closed; never raise an error."""
        if self._breaker.is_open:
            return False
        try:
            async with asyncio.timeout(_HEALTH_SECONDS):
                return (await self._client.get("/health")).is_success
        except (httpx.HTTPError, TimeoutError, OSError):
            return False

    def _request_batches(self, crops: list[Image]) -> Iterator[list[Image]]:
        """Split crops into lists that each fit into one request."""
        portion: list[Image] = []
        pixels = 0
        for crop in crops:
            if portion and (len(portion) == self._max_images or pixels + crop.nbytes > self._max_pixel_bytes):
                yield portion
                portion, pixels = [], 0
            portion.append(crop)
            pixels += crop.nbytes
        if portion:
            yield portion

    async def _read_batch(self, crops: list[Image], end: float) -> FloatArray:
        return await self._breaker.run(lambda: self._read_until(crops, end), _NoAnswerError)

    async def _read_until(self, crops: list[Image], end: float) -> FloatArray:
        body = msgspec.msgpack.encode(
            EmotionsRequest(images=tuple(RgbImage.from_pixels(crop) for crop in crops))
        )
        began = perf_counter()
        try:
            async with asyncio.timeout_at(end):
                answer = await self._backoff.run(lambda: self._post(body), _NoAnswerError)
        except TimeoutError as error:
            raise _NoAnswerError("the CLIP service did not answer in time") from error
        finally:
            self._meter.record_call(len(crops), perf_counter() - began)
        probabilities = _checked_probabilities(answer, len(crops))
        self._emotions = answer.emotions
        return probabilities

    async def _post(self, body: bytes) -> EmotionsResponse:
        try:
            response = await self._client.post(
                "/emotions", content=body, headers={"Content-Type": MSGPACK, "Accept": MSGPACK}
            )
        except (httpx.HTTPError, OSError) as error:
            # httpx does not wrap all TLS errors; those are raised as OSError.
            raise _NoAnswerError("the CLIP service could not be reached", "see CLIP_SERVICE_URL") from error
        if response.status_code == _TOO_MANY_REQUESTS or response.is_server_error:
            raise _NoAnswerError(f"the CLIP service answered {response.status_code}")
        if not response.is_success:
            raise EmotionsUnavailableError(
                f"the CLIP service refused with {response.status_code}",
                "see CLIP_SERVICE_URL and CLIP_SERVICE_TOKEN",
            )
        try:
            return msgspec.msgpack.decode(response.content, type=EmotionsResponse)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise EmotionsUnavailableError(
                "the server that answers is not a Framecloak CLIP service", "see CLIP_SERVICE_URL"
            ) from error


def _checked_probabilities(answer: EmotionsResponse, count: int) -> FloatArray:
    """Return the probabilities of an answer as (n, emotions) float32.

    Raises:
        EmotionsUnavailableError: their shape or their values are not valid.
    """
    lengths = {len(row) for row in answer.probabilities}
    probabilities = np.empty(0, np.float32)
    if len(answer.probabilities) == count and lengths == {len(answer.emotions)}:
        probabilities = np.array(answer.probabilities, np.float32)
    deviations = np.abs(probabilities.sum(axis=-1) - 1)
    # Written like this, the comparisons also reject NaN.
    if not (probabilities.size and (probabilities >= 0).all() and (deviations < _SUM_TOLERANCE).all()):
        raise EmotionsUnavailableError("the CLIP service gave numbers that are not probabilities")
    return probabilities
