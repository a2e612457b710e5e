"""Receivers of webhooks that do as they are told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framecloak.domain.errors import WebhookFailedError


@dataclass(frozen=True)
class Call:
    """What a receiver got."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass
class FakeWebhookSender:
    """Remembers calls.

    Attributes:
        calls: all of them, failed ones too.
        failures: by address, what a call of it ends with.
    """

    calls: list[Call] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.calls.append(Call(url, body, headers))
        if failure := self.failures.get(url):
            raise failure


def failed(message: str = "the receiver answered 503", *, retry: bool = True) -> WebhookFailedError:
    return WebhookFailedError(message, retry=retry)
