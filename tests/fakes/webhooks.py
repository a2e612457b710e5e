"""A webhook sender with configurable failures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from framecloak.domain.errors import WebhookFailedError


@dataclass(frozen=True)
class Call:
    """A recorded webhook call."""

    url: str
    body: bytes
    headers: Mapping[str, str]


@dataclass
class FakeWebhookSender:
    """Remembers calls.

    Attributes:
        calls: all calls, including failed ones.
        failures: the error of calls to an address.
    """

    calls: list[Call] = field(default_factory=list)
    failures: dict[str, Exception] = field(default_factory=dict)

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        self.calls.append(Call(url, body, headers))
        if failure := self.failures.get(url):
            raise failure


def webhook_failure(message: str = "the receiver answered 503", *, retry: bool = True) -> WebhookFailedError:
    return WebhookFailedError(message, retry=retry)
