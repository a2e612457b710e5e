"""Dependency injection: the caller, the use cases and some adapters, as parameters of handlers."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, TypeAlias, TypeVar

from litestar import Request
from litestar.datastructures import State
from litestar.di import NamedDependency, Provide
from litestar.params import SkipValidation

from framecloak.domain.model.accounts import Principal
from framecloak.entrypoints.http.config import HttpConfig
from framecloak.entrypoints.http.middleware.authentication import Authenticator
from framecloak.entrypoints.http.services import HttpServices

T = TypeVar("T")

Injected: TypeAlias = NamedDependency[SkipValidation[T]]
"""Type of a handler's parameter that `dependencies` provides by its name."""

Caller: TypeAlias = Injected[Principal]
OptionalCaller: TypeAlias = Injected[Principal | None]


def dependencies(
    services: HttpServices, config: HttpConfig, authenticator: Authenticator
) -> dict[str, Provide]:
    """Return the dependencies by the parameter name that handlers use: each use case by its field's name."""
    use_cases = services.use_cases
    values: dict[str, Any] = {field.name: getattr(use_cases, field.name) for field in fields(use_cases)}
    values |= {
        "authenticator": authenticator,
        "clock": services.clock,
        "config": config,
        "faces": services.faces,
        "metrics": services.metrics,
        "objects": services.objects,
        "progress_board": services.progress_board,
    }
    provided = {name: _constant(value) for name, value in values.items()}
    return provided | {"caller": Provide(_caller, sync_to_thread=False)}


def _constant(value: Any) -> Provide:  # noqa: ANN401 - each dependency has its own type
    def provide() -> Any:  # noqa: ANN401 - as above
        return value

    return Provide(provide, sync_to_thread=False)


def _caller(request: Request[Principal | None, Any, State]) -> Any:  # noqa: ANN401 - injected as two types
    return request.user
