"""Webhook sender over HTTP."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from functools import cached_property

import httpcore
import httpx

from framecloak.adapters.webhooks.addresses import FilteredNetworkBackend, Resolver, resolve
from framecloak.domain.errors import WebhookFailedError

CONNECT_TIMEOUT_SECONDS = 5.0
TOTAL_TIMEOUT_SECONDS = 10.0

_HTTP_GONE = 410
_USER_AGENT = "framecloak"


class HttpWebhookSender:
    """Sender of webhooks with POST requests to permitted addresses.

    It follows no redirects, uses no proxies, keeps no connections or cookies, and ignores the body of the
    response: only the status code matters.

    Args:
        allow_private: whether receivers on this machine and in private networks are permitted.
        resolver: resolver of host names.
        total_timeout_seconds: timeout of a request in seconds.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        resolver: Resolver = resolve,
        total_timeout_seconds: float = TOTAL_TIMEOUT_SECONDS,
    ) -> None:
        self._network = FilteredNetworkBackend(allow_private=allow_private, resolver=resolver)
        self._total_seconds = total_timeout_seconds

    async def send(self, url: str, body: bytes, headers: Mapping[str, str]) -> None:
        """Post a body and require a 2xx status.

        Raises:
            WebhookFailedError: the delivery failed; the error states whether to retry.
        """
        try:
            async with asyncio.timeout(self._total_seconds):
                status = await self._post(url, body, headers)
        except httpx.InvalidURL as error:
            raise WebhookFailedError("the webhook's URL is invalid", retry=False) from error
        except httpcore.UnsupportedProtocol as error:
            raise WebhookFailedError("the webhook's URL is not an HTTP URL", retry=False) from error
        except (TimeoutError, httpcore.TimeoutException) as error:
            raise WebhookFailedError("the receiver did not answer in time", retry=True) from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            # Some TLS errors are not wrapped by httpcore; they are subclasses of OSError.
            raise WebhookFailedError("communication with the receiver failed", retry=True) from error
        if not 200 <= status < 300:
            raise WebhookFailedError(f"the receiver answered {status}", retry=status != _HTTP_GONE)

    async def _post(self, url: str, body: bytes, headers: Mapping[str, str]) -> int:
        """Post a body and return the status code of the response."""
        # httpx builds the request, but its client accepts no custom network backend, so httpcore sends it.
        request = httpx.Request("POST", url, content=body, headers={"User-Agent": _USER_AGENT, **headers})
        if not request.url.host:
            # The resolver would resolve an empty host to this machine.
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
                extensions={"timeout": {"connect": CONNECT_TIMEOUT_SECONDS}},
            ) as answer,
        ):
            return answer.status

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        """TLS context, created on first use because loading the certificate authorities is slow."""
        return httpx.create_ssl_context()
