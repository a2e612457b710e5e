"""No ``repr`` contains a secret, which would get into logs, tracebacks and messages of failed tests."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from types import ModuleType

import pytest

import framecloak
from framecloak.domain.model.accounts import Means
from framecloak.domain.ports.security import TokenPair
from framecloak.entrypoints.http.middleware.authentication import Credential
from framecloak.entrypoints.schemas.access.accounts import Credentials, TokenView

SECRET = re.compile(
    r"secret|password|token|credential|webhook_url|redis_url|database_url|(access|secret)_key$"
)
NEEDS_TORCH = "framecloak.adapters.vision.emotions.clip_export"


def modules(*packages: ModuleType) -> Iterator[ModuleType]:
    for package in packages:
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if module.name != NEEDS_TORCH and not module.name.endswith("__main__"):
                yield importlib.import_module(module.name)


def test_no_dataclass_shows_a_field_that_is_named_like_a_secret() -> None:
    shown = {
        f"{kind.__qualname__}.{field.name}"
        for module in modules(framecloak)
        for kind in vars(module).values()
        if inspect.isclass(kind) and is_dataclass(kind)
        for field in fields(kind)
        if field.repr and SECRET.search(field.name) and str(field.type).startswith(("str", "bytes"))
    }
    assert shown == set()


@pytest.mark.parametrize(
    "value",
    [
        Credential(Means.SESSION, "hunter2"),
        Credentials(username="ada", password="hunter2"),
        TokenPair("hunter2", "hunter2", 900),
        TokenView(access_token="hunter2", refresh_token="hunter2", expires_in=900),
    ],
)
def test_secrets_are_not_in_reprs(value: object) -> None:
    assert type(value).__name__ in repr(value)
    assert "hunter2" not in f"{value} {value!r}"
