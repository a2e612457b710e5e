"""Bounded HTTP calls to the identity provider."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import httpx

from framecloak.domain.errors import IdentityProviderUnavailableError

CONNECT_TIMEOUT_SECONDS = 5.0
TOTAL_TIMEOUT_SECONDS = 10.0
MAX_ANSWER_BYTES = 1024**2

JsonObject = Mapping[str, Any]


class ProviderHttp:
    """Client of an identity provider that follows no redirects and bounds time and size of answers."""

    async def get(self, url: str) -> JsonObject:
        """Return the JSON object at a URL.

        Raises:
            IdentityProviderUnavailableError: the provider cannot be reached, or answers with anything else.
        """
        status, answer = await self._call(httpx.Request("GET", url))
        if status != httpx.codes.OK:
            raise _unavailable(url, f"it answered {status}")
        return answer

    async def post(
        self, url: str, form: Mapping[str, str], credentials: tuple[str, str] | None
    ) -> tuple[int, JsonObject]:
        """Post a form, and return the status code and the JSON object of the answer.

        Args:
            url: URL of the endpoint.
            form: fields of the form.
            credentials: name and password for HTTP Basic authentication; None for none.

        Raises:
            IdentityProviderUnavailableError: as for ``get``; any status code is returned.
        """
        request = httpx.Request("POST", url, data=form)
        if credentials:
            request = next(httpx.BasicAuth(*credentials).auth_flow(request))
        return await self._call(request)

    async def _call(self, request: httpx.Request) -> tuple[int, JsonObject]:
        request.headers["Accept"] = "application/json"
        request.headers["User-Agent"] = "framecloak"
        url = str(request.url)
        try:
            async with asyncio.timeout(TOTAL_TIMEOUT_SECONDS):
                status, body = await self._answer(request, url)
        except (TimeoutError, httpx.TimeoutException) as error:
            raise _unavailable(url, "it did not answer in time") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            # Some TLS errors are not wrapped by httpx; they are subclasses of OSError.
            raise _unavailable(url, str(error) or type(error).__name__) from error
        try:
            answer = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _unavailable(url, f"it answered {status} without JSON") from error
        if not isinstance(answer, dict):
            raise _unavailable(url, f"it answered {status} without a JSON object")
        return status, answer

    async def _answer(self, request: httpx.Request, url: str) -> tuple[int, bytes]:
        timeout = httpx.Timeout(TOTAL_TIMEOUT_SECONDS, connect=CONNECT_TIMEOUT_SECONDS)
        # Calls are rare, so no connection is kept; proxies of the environment are used.
        verify = self._ssl_context if request.url.scheme == "https" else False
        async with httpx.AsyncClient(verify=verify, timeout=timeout) as client:
            answer = await client.send(request, stream=True)
            body = bytearray()
            try:
                async for chunk in answer.aiter_bytes():
                    body += chunk
                    if len(body) > MAX_ANSWER_BYTES:
                        raise _unavailable(url, f"its answer has more than {MAX_ANSWER_BYTES} bytes")
            finally:
                await answer.aclose()
        return answer.status_code, bytes(body)

    @cached_property
    def _ssl_context(self) -> ssl.SSLContext:
        """TLS context, created on first use because loading the certificate authorities is slow."""
        return httpx.create_ssl_context()


def _unavailable(url: str, reason: str) -> IdentityProviderUnavailableError:
    return IdentityProviderUnavailableError(
        f"the identity provider failed at {url}: {reason}", "check OIDC_ISSUER, the network and the provider"
    )
