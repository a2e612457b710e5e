"""The client of the CLIP service, with healthy and faulty services."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack

import httpx
import msgspec
import numpy as np
import pytest

from fakes.metrics import FakeModelMeter
from framecloak.adapters.vision.emotions.clip_http import MAX_REQUEST_BYTES, HttpEmotionReader
from framecloak.adapters.vision.emotions.clip_protocol import EmotionsRequest, EmotionsResponse
from framecloak.domain.errors import EmotionsUnavailableError
from framecloak.domain.support.circuit_breaker import CircuitBreaker
from framecloak.domain.support.resilience import Backoff
from support.samples import clip_models
from support.servers.webhook_receiver import Receiver, running_receiver

FACE = clip_models.face("happy")
TOKEN = "hunter2 hunter2 hunter2"
IMMEDIATE_RETRIES = Backoff(total_seconds=60, first_pause=0.001, max_pause=0.001)
NO_RETRIES = Backoff(total_seconds=0)


class Service:
    """A service with scripted answers that records its requests.

    Attributes:
        answers: scripted answers; the last one is repeated.
        requests: received requests.
    """

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[EmotionsRequest] = []
        self.headers = httpx.Headers()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.headers = request.headers
        received = msgspec.msgpack.decode(request.content, type=EmotionsRequest)
        self.requests.append(received)
        answer = (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]) if self.answers else None
        if isinstance(answer, Exception):
            raise answer
        return answer or correct_answer([image.pixels() for image in received.images])


def correct_answer(crops: list[np.ndarray]) -> httpx.Response:
    rows = tuple(tuple(row) for row in clip_models.expected(crops).tolist())
    return response_with(EmotionsResponse(model="tiny", emotions=clip_models.EMOTIONS, probabilities=rows))


def response_with(content: EmotionsResponse) -> httpx.Response:
    return httpx.Response(200, content=msgspec.msgpack.encode(content))


MakeReader = Callable[..., HttpEmotionReader]


@pytest.fixture
async def make_reader() -> AsyncIterator[MakeReader]:
    """Yield a function that creates readers of a service; they are closed after the test."""
    async with AsyncExitStack() as opened:
        readers: list[HttpEmotionReader] = []

        def make(service: Service, **options: object) -> HttpEmotionReader:
            all_options = {"backoff": IMMEDIATE_RETRIES, "total_seconds": 60.0, "token": TOKEN, **options}
            reader = HttpEmotionReader(
                "http://clip.test/base", transport=httpx.MockTransport(service), **all_options
            )
            readers.append(reader)
            opened.push_async_exit(reader)
            return reader

        yield make


async def test_images_are_sent_unchanged_with_the_token(make_reader: MakeReader) -> None:
    service = Service()
    reader = make_reader(service)
    image = np.random.default_rng(3).integers(0, 256, (5, 7, 3), np.uint8)
    await reader.read([image])
    (received,) = service.requests
    np.testing.assert_array_equal(received.images[0].pixels(), image)
    assert service.headers["authorization"] == f"Bearer {TOKEN}"
    assert reader.emotions == clip_models.EMOTIONS


async def test_many_or_large_images_are_split_into_several_requests(make_reader: MakeReader) -> None:
    service = Service()
    reader = make_reader(service, max_images=2)
    crops = [clip_models.face(name) for name in ("happy", "sad", "neutral", "sad", "happy")]
    np.testing.assert_allclose(await reader.read(crops), clip_models.expected(crops), atol=1e-6)
    assert [len(received.images) for received in service.requests] == [2, 2, 1]
    large = np.zeros((2048, 4096, 3), np.uint8)
    large[:] = clip_models.COLOURS["sad"]
    small_service = Service()
    await make_reader(small_service, max_bytes=MAX_REQUEST_BYTES).read([large, large, large, FACE])
    assert [len(received.images) for received in small_service.requests] == [2, 2]


@pytest.mark.parametrize(
    "fault",
    [
        httpx.ConnectError("refused"),
        httpx.ReadTimeout("late"),
        httpx.RemoteProtocolError("nonsense"),
        httpx.Response(500),
        httpx.Response(503),
        httpx.Response(429),
    ],
    ids=repr,
)
async def test_failures_of_the_service_are_retried(
    make_reader: MakeReader, fault: httpx.Response | Exception
) -> None:
    service = Service(fault, correct_answer([FACE]))
    await make_reader(service).read([FACE])
    assert len(service.requests) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 302])
async def test_a_refusal_is_final_and_does_not_open_the_circuit(make_reader: MakeReader, status: int) -> None:
    service = Service(httpx.Response(status, headers={"location": "http://elsewhere.test"}))
    reader = make_reader(service, breaker=CircuitBreaker(max_failures=1))
    for _ in range(2):
        with pytest.raises(EmotionsUnavailableError, match=str(status)) as refused:
            await reader.read([FACE])
        assert TOKEN not in str(refused.value)
    assert len(service.requests) == 2


@pytest.mark.parametrize(
    "rows",
    [
        (),
        ((0.5, 0.5),),
        ((0.5, 0.4, 0.3),),
        ((float("nan"), 1.0, 0.0),),
        ((1.5, 0.0, -0.5),),
        ((1.0, 0.0, 0.0),) * 2,
    ],
    ids=repr,
)
async def test_answers_that_are_not_probabilities_are_refused(
    make_reader: MakeReader, rows: tuple[tuple[float, ...], ...]
) -> None:
    content = EmotionsResponse(model="tiny", emotions=clip_models.EMOTIONS, probabilities=rows)
    with pytest.raises(EmotionsUnavailableError, match="not probabilities"):
        await make_reader(Service(response_with(content))).read([FACE])


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"model": 1}', msgspec.msgpack.encode({"model": "x"})])
async def test_an_answer_of_another_service_is_refused(make_reader: MakeReader, body: bytes) -> None:
    with pytest.raises(EmotionsUnavailableError, match="not a Framecloak CLIP service"):
        await make_reader(Service(httpx.Response(200, content=body))).read([FACE])


async def test_the_circuit_breaker_pauses_calls_after_several_failures(make_reader: MakeReader) -> None:
    now = 0.0
    service = Service(httpx.ConnectError("refused"))
    breaker = CircuitBreaker(max_failures=2, pause=5, clock=lambda: now)
    reader = make_reader(service, backoff=NO_RETRIES, breaker=breaker)
    for _ in range(4):
        with pytest.raises(EmotionsUnavailableError):
            await reader.read([FACE])
    assert len(service.requests) == 2
    assert not await reader.is_available()
    now, service.answers = 5.0, []
    assert (await reader.read([FACE])).shape == (1, 3)


@pytest.fixture
async def silent_server() -> AsyncIterator[Receiver]:
    """A server that accepts requests and never answers."""
    async with running_receiver() as receiver:
        receiver.answer = None
        yield receiver


async def test_a_hanging_service_times_out(silent_server: Receiver) -> None:
    url = f"http://127.0.0.1:{silent_server.port}"
    async with HttpEmotionReader(url, total_seconds=0.05) as reader:
        async with asyncio.timeout(30):
            with pytest.raises(EmotionsUnavailableError, match=r"in time|talked to"):
                await reader.read([FACE])
            assert not await reader.is_available()


async def test_every_request_is_measured_including_failed_ones(make_reader: MakeReader) -> None:
    meter = FakeModelMeter()
    reader = make_reader(Service(), max_images=2, meter=meter)
    await reader.read([FACE] * 3)
    assert meter.sizes == [2, 1]
    unreachable = make_reader(Service(httpx.ConnectError("refused")), backoff=NO_RETRIES, meter=meter)
    with pytest.raises(EmotionsUnavailableError):
        await unreachable.read([FACE])
    assert meter.sizes == [2, 1, 1]


async def test_the_timeout_covers_all_requests_of_a_call(make_reader: MakeReader) -> None:
    class Slow(Service):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.2)
            return await super().__call__(request)

    breaker = CircuitBreaker(max_failures=1)
    reader = make_reader(Slow(), total_seconds=0.3, max_images=1, breaker=breaker)
    with pytest.raises(EmotionsUnavailableError, match=r"in time|talked to"):
        await reader.read([FACE] * 2)
    assert breaker.is_open


async def test_an_unreachable_service_is_reported_without_the_token(
    unused_tcp_port: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with HttpEmotionReader(url, token=TOKEN, backoff=NO_RETRIES) as reader:
        assert not await reader.is_available()
        with pytest.raises(EmotionsUnavailableError, match="could not be reached"):
            await reader.read([FACE])
    assert TOKEN not in caplog.text


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running_receiver() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with HttpEmotionReader("http://127.0.0.1:9", backoff=NO_RETRIES) as reader:
            with pytest.raises(EmotionsUnavailableError):
                await reader.read([FACE])
        assert not proxy.requests
