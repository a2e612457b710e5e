"""Settings, exit codes, signals and the order: what the command line is made of."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from adapters.vision.onnx import Precision, Provider
from domain import errors
from domain.errors import DomainError, InvalidOptionError
from entrypoints.cli.errors import EXIT_CODES, FRAMES_BLANKED, SERVICE_EXIT_CODES, SUCCESS, USAGE
from entrypoints.cli.main import main
from entrypoints.cli.signals import Interrupted, signals_raise
from entrypoints.settings import PRECISIONS, PROVIDERS, Settings, available_cores


def domain_errors(kind: type[DomainError] = DomainError) -> set[type[DomainError]]:
    return {kind}.union(*(domain_errors(below) for below in kind.__subclasses__()))


def test_every_error_has_an_exit_code_of_its_own() -> None:
    known = EXIT_CODES | SERVICE_EXIT_CODES
    assert {kind.code for kind in domain_errors() if kind.__module__ == errors.__name__} == set(known)
    codes = [*EXIT_CODES.values(), *SERVICE_EXIT_CODES.values(), SUCCESS, USAGE, FRAMES_BLANKED]
    assert len(set(codes)) == len(codes)
    assert max(codes) < 126  # what shells use for themselves begins there


def test_settings_have_defaults() -> None:
    settings = Settings.from_environment({"XDG_CACHE_HOME": "/cache"})
    assert settings.models == Path("/cache/framecloak/models")
    assert (settings.detector, settings.provider, settings.precision) == ("auto", "auto", "auto")
    assert settings.threads == available_cores() >= 1


def test_settings_come_from_the_environment() -> None:
    variables = {
        "MODEL_PATH": "/models",
        "FRAMECLOAK_DETECTOR": "centerface",
        "FRAMECLOAK_PROVIDER": "cpu",
        "FRAMECLOAK_PRECISION": "int8",
        "FRAMECLOAK_THREADS": "3",
    }
    settings = Settings.from_environment(variables)
    assert settings == Settings(Path("/models"), "centerface", "cpu", "int8", 3)
    assert Settings.from_environment(dict.fromkeys(variables, "")) == Settings.from_environment({})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FRAMECLOAK_PROVIDER", "gpu"),
        ("FRAMECLOAK_PRECISION", "int4"),
        ("FRAMECLOAK_THREADS", "0"),
        ("FRAMECLOAK_THREADS", "1.5"),
        ("FRAMECLOAK_THREADS", "-2"),
        ("FRAMECLOAK_THREADS", "100000"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidOptionError, match=f"{name} is '{value}'"):
        Settings.from_environment({name: value})


def test_providers_and_precisions_are_those_of_the_runtime() -> None:
    assert list(PROVIDERS) == list(Provider)
    assert list(PRECISIONS) == list(Precision)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_becomes_an_exception_and_a_second_one_waits(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    cleaned_up = []

    def work() -> None:
        with signals_raise():
            try:
                signal.raise_signal(number)
            finally:
                signal.raise_signal(number)
                cleaned_up.append(number)

    with pytest.raises(Interrupted) as caught:
        work()
    assert caught.value.number == number
    assert cleaned_up == [number]
    assert signal.getsignal(number) is before


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with signals_raise():
            signal.raise_signal(signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_error_of_the_program_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("half\na frame")

    monkeypatch.setattr("entrypoints.settings.Settings.from_environment", broken)
    assert main(["redact", "in.mp4", "-o", "out.zip"]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("framecloak: internal error (ZeroDivisionError: half a frame): ")
    assert "FRAMECLOAK_DEBUG=1" in line


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"framecloak {version('framecloak')}\n"
