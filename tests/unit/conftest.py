"""Fixtures for unit tests: the service's use cases on fakes, and a user of the service."""

from __future__ import annotations

from pathlib import Path

import pytest

from framecloak.domain.anonymization.model.request import RequestSpec
from framecloak.domain.model.accounts import Principal
from support.use_cases import FakeService


@pytest.fixture
def world(tmp_path: Path) -> FakeService:
    return FakeService(tmp_path)


@pytest.fixture
async def anna(world: FakeService) -> Principal:
    return await world.person("anna")


@pytest.fixture
async def spec(world: FakeService, anna: Principal) -> RequestSpec:
    return await world.request_spec(anna, (0, 10))
