"""Format of log lines, and masking of secrets, pixels and embeddings in them."""

from __future__ import annotations

import asyncio
import json
import logging
import warnings
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from fakes.clock import FakeClock
from framecloak.adapters.security.secrets import new_secret
from framecloak.adapters.security.tokens import JwtIssuer
from framecloak.domain.accounts.api_keys import KEY_PREFIX
from framecloak.entrypoints.runtime.log_masking import masked
from framecloak.entrypoints.runtime.logs import OWN_LOGGERS, VERBOSE_LOGGERS, configure_logging, log_context
from framecloak.entrypoints.settings import Settings

SETTINGS = replace(Settings.from_environment({}), log_format="json")
JWT = JwtIssuer(b"k" * 32, FakeClock()).issue(1, 1).access
LOGGER = logging.getLogger("framecloak.domain.test")


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = [*root.handlers], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name in (*OWN_LOGGERS, *VERBOSE_LOGGERS, "audit"):
        logging.getLogger(name).setLevel(logging.NOTSET)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().err.splitlines()]


def test_a_line_has_its_time_logger_event_and_context(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS)
    request = UUID(int=7)
    with log_context(request_id=request):
        LOGGER.info("%d frames of %s", 3, "film.mp4", extra={"video_id": 5})
    LOGGER.info("100 % done")
    first, second = lines(capsys)
    assert datetime.fromisoformat(first.pop("timestamp")).utcoffset() is not None
    assert first == {
        "event": "3 frames of film.mp4",
        "level": "info",
        "logger": "framecloak.domain.test",
        "request_id": str(request),
        "video_id": 5,
    }
    assert second["event"] == "100 % done"
    assert "request_id" not in second


async def test_the_context_of_one_task_is_not_that_of_another(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS)

    async def work(number: int) -> None:
        with log_context(request_id=number):
            await asyncio.sleep(0)
            await asyncio.to_thread(LOGGER.info, "%s", number)

    await asyncio.gather(*(work(number) for number in range(5)))
    assert sorted((line["event"], line["request_id"]) for line in lines(capsys)) == [
        (str(number), number) for number in range(5)
    ]


@pytest.mark.parametrize(
    "secret",
    [JWT, JWT.rpartition(".")[0], new_secret(KEY_PREFIX), new_secret(), new_secret()[:42] + "A", "hunter2"],
    ids=["jwt", "unsigned jwt", "api key", "random", "other random", "password"],
)
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_masked_wherever_they_are(
    secret: str, log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(replace(SETTINGS, log_format=log_format))
    text = [
        f"redis://:{secret}@host:1/0 is away",
        f"redis://:not@escaped/{secret}@host:1/0 is away",
        f"postgresql://user:{secret}@[::1]/name?sslmode=off",
        f"GET /objects/a.zip?expires=1&signature={secret}&x=1",
        f"PUT https://s3/a?X-Amz-Signature={secret}&X-Amz-Credential={secret}",
        f"Authorization: Token {secret}",
        f"Cookie: framecloak_session={secret}; csrftoken={secret}",
        f"sign_in(username='ada', password='{secret}')",
        f'{{"access_token": "{secret}"}}',
    ]
    if secret != "hunter2":
        text += [f"GET /api/frames/anonymize/download/7/{secret}/", f"so {secret!r} it is"]
    for line in text:
        LOGGER.warning(line)
        LOGGER.warning("%s", line)
        LOGGER.warning("x", extra={"where": {"deep": [line]}})
        LOGGER.error("failed", exc_info=ValueError(line))
    for name in (
        "password",
        "access_token",
        "Authorization",
        "cookie",
        "set-cookie",
        "api_key",
        "secret_key",
        "signature",
    ):
        LOGGER.warning("x", extra={"headers": {name: secret}, name: secret, f"my_{name}": [secret]})
    written = capsys.readouterr().err
    assert secret not in written
    assert written.count("***") >= 4 * len(text)


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_pixels_and_embeddings_are_logged_as_their_size(
    log_format: str, capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(replace(SETTINGS, log_format=log_format))
    frame, data = np.full((480, 640, 3), 77, np.uint8), b"\xff\xd8pixels"
    embedding = [0.12345] * 512
    LOGGER.warning("%s and %s", frame, data, extra={"frame": frame, "jpeg": bytearray(data), "e": embedding})
    LOGGER.warning("%(frame)s", {"frame": frame})
    LOGGER.warning("x", extra={"embedding": [0.12345], "view": memoryview(data)})
    written = capsys.readouterr().err
    assert "<ndarray of 480x640x3 uint8> and <bytes of 8>" in written
    assert "<bytearray of 8>" in written
    assert "<list of 512>" in written
    assert not any(word in written for word in ("pixels", "77 77", "0.12345", "memory at"))


@pytest.mark.parametrize("word", ["token", "a", "://", "eyJaaaaaaaa.", "cookie:", "fck_", "Aa-", "password="])
def test_masking_takes_time_linear_in_the_length_of_a_line(word: str) -> None:
    began = perf_counter()
    masked(word * (200_000 // len(word)))
    assert perf_counter() - began < 2


def test_a_wrong_format_string_does_not_lose_the_line(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS)
    LOGGER.info("%d frames", b"pixels", "of many")  # noqa: PLE1205 -- wrong on purpose
    (line,) = lines(capsys)
    assert (line["event"], line["arguments"]) == ("%d frames", ["<bytes of 6>", "of many"])


def test_other_values_are_not_masked(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS)
    digest, request = "a" * 64, UUID(int=7)
    LOGGER.info(
        "http://127.0.0.1:8000/health",
        extra={
            "subject": "api_key:7",
            "sha256": digest,
            "request": request,
            "password": True,
            "seconds": 1.5,
            "when": None,
        },
    )
    (line,) = lines(capsys)
    assert line["event"] == "http://127.0.0.1:8000/health"
    assert line["subject"] == "api_key:7"
    assert (line["sha256"], line["request"], line["password"]) == (digest, str(request), True)
    assert (line["seconds"], line["when"]) == (1.5, None)


def test_an_exception_is_logged_without_local_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS)

    def inner() -> None:
        hidden = "a local value"
        raise ValueError(len(hidden))

    try:
        inner()
    except ValueError:
        LOGGER.exception("it failed")
    written = capsys.readouterr().err
    (exception,) = json.loads(written)["exception"]
    assert (exception["exc_type"], exception["exc_value"]) == ("ValueError", "13")
    assert exception["frames"][-1]["name"] == "inner"
    assert "a local value" not in written


def test_the_console_format_is_readable(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(replace(SETTINGS, log_format="console"))
    LOGGER.info("hello", extra={"video_id": 5})
    written = capsys.readouterr().err
    assert not written.startswith("{")
    assert "hello" in written
    assert "video_id=5" in written
    assert "\x1b" not in written  # colours are for terminals


@pytest.mark.parametrize(
    ("level", "debug", "expected"),
    [
        ("info", False, ["own info", "own warning", "their warning", "audit"]),
        ("warning", False, ["own warning", "their warning"]),
        ("error", False, []),
        ("error", True, ["own debug", "own info", "own warning", "their info", "their warning", "audit"]),
    ],
)
def test_levels_and_debug_select_the_lines(
    level: str, debug: bool, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    configure_logging(replace(SETTINGS, log_level=level, debug=debug))
    theirs, statements = logging.getLogger("arq.worker"), logging.getLogger("sqlalchemy.engine.Engine")
    LOGGER.debug("own debug")
    LOGGER.info("own info")
    LOGGER.warning("own warning")
    theirs.info("their info")
    theirs.warning("their warning")
    statements.info("SELECT 'hunter2'")
    logging.getLogger("audit").info("audit")
    logged = lines(capsys)
    assert [line["event"] for line in logged] == expected
    assert all(("lineno" in line) is debug for line in logged)


def test_warnings_of_libraries_are_logged_too(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(SETTINGS)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        warnings.warn("this is old", DeprecationWarning, stacklevel=1)
    (line,) = lines(capsys)
    assert "this is old" in line["event"]
