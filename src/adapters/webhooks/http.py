"""Posting to receivers over HTTP."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import cached_property

import httpcore
import httpx

from framecloak.adapters.webhooks.addresses import CheckedBackend, Resolver, resolve
from framecloak.domain.errors import WebhookFailedError

CONNECT_SECONDS = 5.0
TOTAL_SECONDS = 10.0

_GONE = 410
_USER_AGENT = "framecloak"


class HttpWebhookSender:
    """Posts to public addresses; see the port.

    It follows no redirects, uses no proxies, keeps no connections and no cookies, and leaves the body of the
    answer unread: the status says it all.

    Args:
        allow_private: whether receivers may be on this machine or in its networks.
        lookup: what names stand for.
        total_seconds: after which a receiver counts as not answering.
    """

    def __init__(
        self, *, allow_private: bool, lookup: Resolver = resolve, total_seconds: float = TOTAL_SECONDS
    ) -> None:
        self._network = CheckedBackend(allow_private=allow_private, lookup=lookup)
        self._total_seconds = total_seconds

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """See the port."""
        try:
            async with asyncio.timeout(self._total_seconds):
                status = await self._post(url, body, headers)
        except httpx.InvalidURL as error:
            raise WebhookFailedError("the webhook's address is none", retry=False) from error
        except httpcore.UnsupportedProtocol as error:
            raise WebhookFailedError("the webhook's address is not of HTTP", retry=False) from error
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise WebhookFailedError("the receiver did not answer in time", retry=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            # Some errors of TLS come as they are, which is as those of the operating system.
            raise WebhookFailedError("the receiver could not be talked to", retry=True) from error
        if not 200 <= status < 300:
            raise WebhookFailedError(f"the receiver answered {status}", retry=status != _GONE)

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """The status that a receiver answers with."""
        # What is sent is httpx's; its client takes no network of ours, so the connection is httpcore's.
        request = httpx.Request("POST", url, content=body, headers={"User-Agent": _USER_AGENT, **headers})
        if not request.url.host:
            # The resolver would take it for this machine.
            raise httpx.InvalidURL("no host")
        target = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        async with (
            httpcore.AsyncConnectionPool(
                ssl_context=self._ssl_context, max_keepalive_connections=0, network_backend=self._network
            ) as connections,
            connections.stream(
                request.method,
                target,
                headers=request.headers.raw,
                content=body,
                extensions={"timeout": {"connect": CONNECT_SECONDS}},
            ) as answer,
        ):
            return answer.status

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        """Made when it is needed first: reading all the authorities there are takes a while."""
        return httpx.create_ssl_context()
