"""Port: delivery of webhooks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol


class WebhookSender(Protocol):
    """HTTP client for webhooks."""

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post a body to a receiver; takes at most half a minute.

        Raises:
            WebhookFailedError: the delivery failed or its outcome is unknown; ``retry`` is True if another
                attempt makes sense.
        """
        ...
