"""A client of the CLIP service, and services that do not behave."""

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
from support.servers.webhook_receiver import Receiver, listening

FACE = clip_models.face("happy")
TOKEN = "hunter2 hunter2 hunter2"
AT_ONCE = Backoff(total_seconds=60, first_pause=0.001, max_pause=0.001)
NEVER_AGAIN = Backoff(total_seconds=0)


class Service:
    """Answers as it is told, and counts.

    Attributes:
        answers: to give, the last one from then on.
        orders: what came in.
    """

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.orders: list[EmotionsRequest] = []
        self.headers = httpx.Headers()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.headers = request.headers
        order = msgspec.msgpack.decode(request.content, type=EmotionsRequest)
        self.orders.append(order)
        now = (self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]) if self.answers else None
        if isinstance(now, Exception):
            raise now
        return now or well([picture.pixels() for picture in order.images])


def well(crops: list[np.ndarray]) -> httpx.Response:
    rows = tuple(tuple(row) for row in clip_models.expected(crops).tolist())
    return answered(EmotionsResponse(model="tiny", emotions=clip_models.EMOTIONS, probabilities=rows))


def answered(content: EmotionsResponse) -> httpx.Response:
    return httpx.Response(200, content=msgspec.msgpack.encode(content))


Ask = Callable[..., HttpEmotionReader]


@pytest.fixture
async def ask() -> AsyncIterator[Ask]:
    """Makes readers of a service and closes them."""
    async with AsyncExitStack() as opened:
        readers: list[HttpEmotionReader] = []

        def make(service: Service, **options: object) -> HttpEmotionReader:
            given = {"backoff": AT_ONCE, "total_seconds": 60.0, "token": TOKEN, **options}
            reader = HttpEmotionReader(
                "http://clip.test/base", transport=httpx.MockTransport(service), **given
            )
            readers.append(reader)
            opened.push_async_exit(reader)
            return reader

        yield make


async def test_pictures_travel_as_they_are_with_the_token(ask: Ask) -> None:
    service = Service()
    reader = ask(service)
    picture = np.random.default_rng(3).integers(0, 256, (5, 7, 3), np.uint8)
    await reader.read([picture])
    (order,) = service.orders
    np.testing.assert_array_equal(order.images[0].pixels(), picture)
    assert service.headers["authorization"] == f"Bearer {TOKEN}"
    assert reader.emotions == clip_models.EMOTIONS


async def test_what_does_not_fit_into_one_request_goes_in_several(ask: Ask) -> None:
    service = Service()
    reader = ask(service, most_images=2)
    crops = [clip_models.face(name) for name in ("happy", "sad", "neutral", "sad", "happy")]
    np.testing.assert_allclose(await reader.read(crops), clip_models.expected(crops), atol=1e-6)
    assert [len(order.images) for order in service.orders] == [2, 2, 1]
    large = np.zeros((2048, 4096, 3), np.uint8)
    large[:] = clip_models.COLOURS["sad"]
    small_service = Service()
    await ask(small_service, most_bytes=MAX_REQUEST_BYTES).read([large, large, large, FACE])
    assert [len(order.images) for order in small_service.orders] == [2, 2]


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
async def test_silence_is_tried_again(ask: Ask, fault: httpx.Response | Exception) -> None:
    service = Service(fault, well([FACE]))
    await ask(service).read([FACE])
    assert len(service.orders) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 302])
async def test_a_refusal_is_final_and_does_not_open_the_circuit(ask: Ask, status: int) -> None:
    service = Service(httpx.Response(status, headers={"location": "http://elsewhere.test"}))
    reader = ask(service, breaker=CircuitBreaker(max_failures=1))
    for _ in range(2):
        with pytest.raises(EmotionsUnavailableError, match=str(status)) as refused:
            await reader.read([FACE])
        assert TOKEN not in str(refused.value)
    assert len(service.orders) == 2


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
async def test_numbers_that_are_no_probabilities_are_not_passed_on(
    ask: Ask, rows: tuple[tuple[float, ...], ...]
) -> None:
    content = EmotionsResponse(model="tiny", emotions=clip_models.EMOTIONS, probabilities=rows)
    with pytest.raises(EmotionsUnavailableError, match="not probabilities"):
        await ask(Service(answered(content))).read([FACE])


@pytest.mark.parametrize("body", [b"", b"<html>", b'{"model": 1}', msgspec.msgpack.encode({"model": "x"})])
async def test_something_else_at_that_address(ask: Ask, body: bytes) -> None:
    with pytest.raises(EmotionsUnavailableError, match="not a Framecloak CLIP service"):
        await ask(Service(httpx.Response(200, content=body))).read([FACE])


async def test_after_several_failures_it_is_left_alone_for_a_while(ask: Ask) -> None:
    now = 0.0
    service = Service(httpx.ConnectError("refused"))
    breaker = CircuitBreaker(max_failures=2, pause=5, clock=lambda: now)
    reader = ask(service, backoff=NEVER_AGAIN, breaker=breaker)
    for _ in range(4):
        with pytest.raises(EmotionsUnavailableError):
            await reader.read([FACE])
    assert len(service.orders) == 2
    assert not await reader.is_available()
    now, service.answers = 5.0, []
    assert (await reader.read([FACE])).shape == (1, 3)


@pytest.fixture
async def deaf() -> AsyncIterator[Receiver]:
    """A server that takes requests and never answers."""
    async with listening() as receiver:
        receiver.answer = None
        yield receiver


async def test_a_service_that_hangs_costs_no_more_than_its_time(deaf: Receiver) -> None:
    url = f"http://127.0.0.1:{deaf.port}"
    async with HttpEmotionReader(url, total_seconds=0.05) as reader:
        async with asyncio.timeout(30):
            with pytest.raises(EmotionsUnavailableError, match=r"in time|talked to"):
                await reader.read([FACE])
            assert not await reader.is_available()


async def test_every_request_is_told_also_one_in_vain(ask: Ask) -> None:
    meter = FakeModelMeter()
    reader = ask(Service(), most_images=2, meter=meter)
    await reader.read([FACE] * 3)
    assert meter.sizes == [2, 1]
    silent = ask(Service(httpx.ConnectError("refused")), backoff=NEVER_AGAIN, meter=meter)
    with pytest.raises(EmotionsUnavailableError):
        await silent.read([FACE])
    assert meter.sizes == [2, 1, 1]


async def test_a_call_of_several_requests_has_no_more_time_than_one(ask: Ask) -> None:
    class Slow(Service):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            await asyncio.sleep(0.2)
            return await super().__call__(request)

    breaker = CircuitBreaker(max_failures=1)
    reader = ask(Slow(), total_seconds=0.3, most_images=1, breaker=breaker)
    with pytest.raises(EmotionsUnavailableError, match=r"in time|talked to"):
        await reader.read([FACE] * 2)
    assert breaker.is_open


async def test_nobody_at_that_address(unused_tcp_port: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    url = f"http://127.0.0.1:{unused_tcp_port}"
    async with HttpEmotionReader(url, token=TOKEN, backoff=NEVER_AGAIN) as reader:
        assert not await reader.is_available()
        with pytest.raises(EmotionsUnavailableError, match="could not be reached"):
            await reader.read([FACE])
    assert TOKEN not in caplog.text


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with listening() as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
        async with HttpEmotionReader("http://127.0.0.1:9", backoff=NEVER_AGAIN) as reader:
            with pytest.raises(EmotionsUnavailableError):
                await reader.read([FACE])
        assert not proxy.requests
