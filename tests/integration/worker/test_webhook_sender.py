"""Webhooks over real connections, to correct and faulty receivers."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence

import httpcore
import pytest

from framecloak.adapters.webhooks.addresses import FilteredNetworkBackend, is_permitted
from framecloak.adapters.webhooks.http import HttpWebhookSender
from framecloak.domain.errors import WebhookFailedError
from support.servers.webhook_receiver import Receiver, answer, running_receiver

BODY = b'{"status":"completed"}'
HEADERS = {"Content-Type": "application/json", "Framecloak-Event-Id": "7"}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with running_receiver() as opened:
        yield opened


@pytest.fixture
def sender() -> HttpWebhookSender:
    """Return a sender that may call private addresses, and so the servers of the tests."""
    return HttpWebhookSender(allow_private=True, total_timeout_seconds=2)


class ScriptedResolver:
    """Resolver with scripted answers.

    Args:
        answers: answers in order; the last one is repeated.
    """

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self._answers = list(answers)
        self.queries: list[str] = []

    async def __call__(self, host: str, _port: int) -> Sequence[str]:
        self.queries.append(host)
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class RecordingNetwork(httpcore.AsyncNetworkBackend):
    """Network that opens no connection and records the attempts."""

    def __init__(self, unreachable: Sequence[str] = ()) -> None:
        self._unreachable = unreachable
        self.attempts: list[tuple[str, int]] = []

    async def connect_tcp(self, host: str, port: int, *_: object) -> httpcore.AsyncNetworkStream:
        self.attempts.append((host, port))
        if host in self._unreachable:
            raise httpcore.ConnectError
        return RecordingStream()


class RecordingStream(httpcore.AsyncNetworkStream):
    """Stream that records the server name for which a certificate would be required."""

    server_names: list[str | None] = []  # noqa: RUF012 - the connection is created by httpcore

    async def start_tls(
        self,
        ssl_context: object,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the parameter is httpcore's
    ) -> httpcore.AsyncNetworkStream:
        self.server_names.append(server_hostname)
        raise httpcore.ConnectError

    async def aclose(self) -> None:
        pass


async def failure(sender: HttpWebhookSender, url: str) -> WebhookFailedError:
    with pytest.raises(WebhookFailedError) as caught:
        await sender.send(url, BODY, HEADERS)
    assert "hush" not in str(caught.value)
    return caught.value


async def test_a_receiver_gets_body_and_headers(receiver: Receiver, sender: HttpWebhookSender) -> None:
    await sender.send(receiver.url, BODY, HEADERS)
    ((head, body),) = receiver.requests
    lines = head.splitlines()
    assert body == BODY
    assert lines[0] == "POST /hook?token=hush HTTP/1.1"
    for line in (
        f"Host: 127.0.0.1:{receiver.port}",
        "Framecloak-Event-Id: 7",
        f"Content-Length: {len(BODY)}",
    ):
        assert lines.count(line) == 1


@pytest.mark.parametrize("status", ["200 OK", "201 Created", "202 Accepted", "299 Whatever"])
async def test_a_2xx_answer_means_delivered(
    receiver: Receiver, sender: HttpWebhookSender, status: str
) -> None:
    receiver.answer = answer(status, body=b"thank you")
    await sender.send(receiver.url, BODY, HEADERS)


@pytest.mark.parametrize(
    ("status", "retry"),
    [
        ("304 Not Modified", True),
        ("400 Bad Request", True),
        ("404 Not Found", True),
        ("410 Gone", False),
        ("429 Too Many Requests", True),
        ("500 Internal Server Error", True),
        ("503 Service Unavailable", True),
    ],
)
async def test_another_answer_means_not_delivered(
    receiver: Receiver, sender: HttpWebhookSender, status: str, retry: bool
) -> None:
    receiver.answer = answer(status, body=b"secret words of the receiver")
    error = await failure(sender, receiver.url)
    assert (error.retry, str(error)) == (retry, f"the receiver answered {status[:3]}")


@pytest.mark.parametrize("status", ["301 Moved Permanently", "302 Found", "307 Temporary Redirect"])
async def test_redirects_are_not_followed(receiver: Receiver, sender: HttpWebhookSender, status: str) -> None:
    async with running_receiver() as elsewhere:
        receiver.answer = answer(status, f"Location: {elsewhere.url}")
        assert (await failure(sender, receiver.url)).retry
        assert elsewhere.requests == []


async def test_proxies_of_the_environment_are_not_used(
    receiver: Receiver, sender: HttpWebhookSender, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_receiver() as proxy:
        for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        await sender.send(receiver.url, BODY, HEADERS)
        assert (len(receiver.requests), proxy.requests) == (1, [])


@pytest.mark.parametrize("slow", [None, b"HTTP/1.1 200 OK\r\n"])
async def test_a_receiver_that_does_not_answer_times_out(receiver: Receiver, slow: bytes | None) -> None:
    receiver.answer, receiver.endless = slow, b"X-More: to come\r\n" if slow else b""
    sender = HttpWebhookSender(allow_private=True, total_timeout_seconds=0.3)
    begun = time.monotonic()
    error = await failure(sender, receiver.url)
    assert error.retry
    assert time.monotonic() - begun < 2


async def test_an_answer_without_an_end_is_not_read(receiver: Receiver, sender: HttpWebhookSender) -> None:
    receiver.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    receiver.endless = b"10000\r\n" + bytes(1 << 16) + b"\r\n"
    begun = time.monotonic()
    await sender.send(receiver.url, BODY, HEADERS)
    assert time.monotonic() - begun < 1
    assert receiver.sent < 32 << 20  # what the kernel buffers without a reader


@pytest.mark.parametrize("nonsense", [b"SSH-2.0-OpenSSH_9.6\r\n", b"", b"HTTP/1.1 200"])
async def test_an_answer_that_is_not_http_is_a_failure(
    receiver: Receiver, sender: HttpWebhookSender, nonsense: bytes
) -> None:
    receiver.answer = nonsense
    assert (await failure(sender, receiver.url)).retry


async def test_an_unreachable_receiver_is_a_failure(sender: HttpWebhookSender, unused_tcp_port: int) -> None:
    assert (await failure(sender, f"http://127.0.0.1:{unused_tcp_port}/?token=hush")).retry


@pytest.mark.parametrize(
    "url", ["http://[::1/?hush", "http://0177.0.0.1/?hush", "ftp://127.0.0.1/hush", "http:///hush", "hush"]
)
async def test_an_invalid_address_is_not_retried(sender: HttpWebhookSender, url: str) -> None:
    assert not (await failure(sender, url)).retry


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0.0.0.0",  # noqa: S104 - to be refused
        "[::]",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[::ffff:10.0.0.1]",
        "[::ffff:a00:1]",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "[fe80::1]",
        "[fd00:ec2::254]",
        "100.64.0.1",
    ],
)
async def test_private_addresses_are_refused_however_they_are_written(receiver: Receiver, host: str) -> None:
    sender = HttpWebhookSender(allow_private=False)
    error = await failure(sender, f"http://{host}:{receiver.port}/?token=hush")
    assert not error.retry
    assert "not on the public internet" in str(error)
    assert receiver.requests == []


@pytest.mark.parametrize(
    "addresses", [["127.0.0.1"], ["93.184.216.34", "127.0.0.1"], ["2606:4700::1", "::1"], ["fe80::1%eth0"]]
)
async def test_names_of_private_addresses_are_refused(receiver: Receiver, addresses: list[str]) -> None:
    sender = HttpWebhookSender(allow_private=False, resolver=ScriptedResolver(addresses))
    error = await failure(sender, f"http://hooks.example:{receiver.port}/?token=hush")
    assert not error.retry
    assert receiver.requests == []


@pytest.mark.parametrize(
    "address",
    [
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "224.0.0.1",
        "ff02::1",
        "0.0.0.0",  # noqa: S104 - as above
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:a9fe:a9fe::1",
        "2001:0:a9fe:a9fe::1",
        "192.88.99.1",
    ],
)
def test_some_addresses_are_never_called(address: str) -> None:
    assert not is_permitted(address, allow_private=False)
    assert not is_permitted(address, allow_private=True)


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "127.0.0.1",
        "192.168.1.1",
        "100.64.0.1",
        "198.18.0.1",
        "203.0.113.7",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::127.0.0.1",
        "::ffff:10.0.0.1",
        "fd00::1",
        "fec0::1",
        "2001:db8::1",
        "100::1",
        "4000::1",
    ],
)
def test_addresses_that_are_not_public_need_permission(address: str) -> None:
    assert not is_permitted(address, allow_private=False)
    assert is_permitted(address, allow_private=True)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700::1", "::ffff:1.1.1.1"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert is_permitted(address, allow_private=False)


async def test_a_name_is_resolved_once_and_the_checked_address_is_called() -> None:
    resolver, network = ScriptedResolver(["93.184.216.34"], ["127.0.0.1"]), RecordingNetwork()
    backend = FilteredNetworkBackend(allow_private=False, resolver=resolver, network=network)
    await backend.connect_tcp("hooks.example", 8443)
    assert (resolver.queries, network.attempts) == (["hooks.example"], [("93.184.216.34", 8443)])
    with pytest.raises(WebhookFailedError, match="not on the public internet"):
        await backend.connect_tcp("hooks.example", 8443)
    assert len(network.attempts) == 1


async def test_a_connection_uses_the_address_that_was_checked(receiver: Receiver) -> None:
    resolver = ScriptedResolver(["127.0.0.1"], ["192.0.2.1"])
    sender = HttpWebhookSender(allow_private=True, resolver=resolver)
    await sender.send(f"http://hooks.example:{receiver.port}/", BODY, HEADERS)
    assert resolver.queries == ["hooks.example"]
    ((head, _),) = receiver.requests
    assert f"Host: hooks.example:{receiver.port}" in head.splitlines()


async def test_the_first_address_that_answers_is_called() -> None:
    addresses = ["2606:4700::1", "93.184.216.34", "1.1.1.1"]
    network = RecordingNetwork(unreachable=addresses[:1])
    backend = FilteredNetworkBackend(
        allow_private=False, resolver=ScriptedResolver(addresses), network=network
    )
    await backend.connect_tcp("hooks.example", 80)
    assert network.attempts == [(address, 80) for address in addresses[:2]]
    with pytest.raises(httpcore.ConnectError):
        await FilteredNetworkBackend(
            allow_private=False,
            resolver=ScriptedResolver(addresses),
            network=RecordingNetwork(unreachable=addresses),
        ).connect_tcp("hooks.example", 80)


async def test_the_certificate_is_checked_against_the_name() -> None:
    network = RecordingNetwork()
    backend = FilteredNetworkBackend(
        allow_private=False, resolver=ScriptedResolver(["93.184.216.34"]), network=network
    )
    RecordingStream.server_names.clear()
    async with httpcore.AsyncConnectionPool(network_backend=backend) as pool:
        with pytest.raises(httpcore.ConnectError):
            await pool.request("POST", "https://hooks.example/")
    assert (network.attempts, RecordingStream.server_names) == ([("93.184.216.34", 443)], ["hooks.example"])


@pytest.mark.parametrize(
    ("lookup", "retry"),
    [
        (ScriptedResolver(OSError("no such host")), True),
        (ScriptedResolver([]), True),
        (ScriptedResolver(UnicodeError("label too long")), False),
    ],
)
async def test_names_that_cannot_be_resolved_are_failures(lookup: ScriptedResolver, retry: bool) -> None:
    sender = HttpWebhookSender(allow_private=False, resolver=lookup)
    assert (await failure(sender, "https://hooks.example/hush")).retry is retry


async def test_unix_sockets_are_refused() -> None:
    with pytest.raises(WebhookFailedError):
        await FilteredNetworkBackend(allow_private=True).connect_unix_socket("/run/docker.sock")
