"""Tools of a worker process, and the speed that it announces."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from fakes.media import FakeEncoder, FakeRedactor, FakeSampler
from fakes.vision import FakeFaceDetector
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.orders.pace import WorkerSpeed
from framecloak.domain.anonymization.pipeline.config import PipelineTools
from framecloak.domain.errors import ModelMissingError
from framecloak.entrypoints.worker.tools import WorkerTools

FAKES = PipelineTools(FakeFaceDetector(), FakeRedactor(), FakeEncoder(), FakeSampler(), 1)


def test_the_speed_is_known_after_the_warm_up() -> None:
    tools = WorkerTools(lambda _: FAKES, lambda _: 0.25, 0)
    assert tools.speed == WorkerSpeed()
    tools.warm_up(lambda card: card.name)
    speed = tools.speed
    assert speed.frame_seconds == 0.25
    assert speed.load_seconds is not None
    assert speed.loaded == {Level.FACES}
    tools(Level.FULL)
    tools(Level.MINIMAL)
    assert tools.speed.loaded == {Level.FACES, Level.FULL}
    assert tools.speed.load_seconds == speed.load_seconds


def test_the_quickest_of_several_tests_counts() -> None:
    """While a service starts, its other processes slow the first test down."""
    times = iter([0.9, 0.3, 0.4])
    tools = WorkerTools(lambda _: FAKES, lambda _: next(times), 0)
    tools.warm_up(lambda card: card.name)
    assert tools.speed.frame_seconds == 0.3


def test_a_stop_does_not_wait_for_the_tests() -> None:
    tools = WorkerTools(lambda _: FAKES, lambda _: 0.25, pause=3600)
    tools.close()
    tools.warm_up(lambda card: card.name)
    assert tools.speed.frame_seconds == 0.25


def test_models_are_loaded_once_also_if_an_order_comes_during_the_warm_up() -> None:
    loads, may_load = [], Event()

    def load(level: Level) -> PipelineTools:
        loads.append(level)
        assert may_load.wait(10)
        return FAKES

    tools = WorkerTools(load, lambda _: 0.25, 0)
    with ThreadPoolExecutor(2) as pool:
        waiting = [pool.submit(tools, Level.FACES) for _ in range(2)]
        may_load.set()
        assert [each.result(10) for each in waiting] == [FAKES, FAKES]
    assert loads == [Level.FACES]


def test_a_missing_model_is_logged_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    def load(level: Level) -> PipelineTools:
        raise ModelMissingError("no model", "install one")

    tools = WorkerTools(load, lambda _: 0.25, 0)
    with caplog.at_level(logging.WARNING):
        tools.warm_up(lambda card: card.name)
    assert "face detection is unavailable: no model" in caplog.text
    assert tools.speed == WorkerSpeed()
    with pytest.raises(ModelMissingError):
        tools(Level.FACES)
