"""The command line: exit codes, signals, error messages and help."""

from __future__ import annotations

import signal
import subprocess
import sys

import click
import pytest

from framecloak.domain import errors
from framecloak.domain.errors import DomainError
from framecloak.entrypoints.cli.exit_codes import (
    CLEANUP_INCOMPLETE,
    EXIT_CODES,
    FRAMES_BLANKED,
    REID_EXIT_CODES,
    SERVICE_EXIT_CODES,
    SUCCESS,
    USAGE,
)
from framecloak.entrypoints.cli.interrupts import Interrupted, raise_on_signals
from framecloak.entrypoints.cli.main import framecloak, main


def domain_errors(kind: type[DomainError] = DomainError) -> set[type[DomainError]]:
    return {kind}.union(*(domain_errors(below) for below in kind.__subclasses__()))


def test_every_error_has_an_exit_code_of_its_own() -> None:
    all_codes = EXIT_CODES | REID_EXIT_CODES | SERVICE_EXIT_CODES
    our_errors = {kind for kind in domain_errors() if kind.__module__.startswith(errors.__name__)}
    assert {kind.__name__ for kind in our_errors} == set(errors.__all__)
    assert {kind.code for kind in our_errors} == set(all_codes)
    codes = [
        *EXIT_CODES.values(),
        *REID_EXIT_CODES.values(),
        *SERVICE_EXIT_CODES.values(),
        SUCCESS,
        USAGE,
        FRAMES_BLANKED,
        CLEANUP_INCOMPLETE,
    ]
    assert len(set(codes)) == len(codes)
    assert max(codes) < 126  # shells use the codes from there on


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_becomes_an_exception_and_a_second_one_waits(number: signal.Signals) -> None:
    # The parent process may ignore some signals, and the tests would inherit that.
    before = signal.signal(number, signal.default_int_handler)
    cleaned_up = []

    def work() -> None:
        with raise_on_signals():
            try:
                signal.raise_signal(number)
            finally:
                signal.raise_signal(number)
                cleaned_up.append(number)

    try:
        with pytest.raises(Interrupted) as caught:
            work()
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)
    assert caught.value.number == number
    assert cleaned_up == [number]


def test_an_ignored_signal_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raise_on_signals():
            signal.raise_signal(signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_an_internal_error_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("half\na frame")

    monkeypatch.setattr("framecloak.entrypoints.settings.Settings.from_environment", broken)
    assert main(["redact", "in.mp4", "-o", "out.zip"]) == 70
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("framecloak: internal error (ZeroDivisionError: half a frame): ")
    assert "FRAMECLOAK_DEBUG=1" in line


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"framecloak {version('framecloak')}\n"


def test_help_lists_every_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert {main([command, "--help"]) for command in ("redact", "reid", "anonymize-frames")} == {0}
    printed = capsys.readouterr().out
    for name, code in (EXIT_CODES | REID_EXIT_CODES | SERVICE_EXIT_CODES).items():
        assert f"{code:>5}  {name.replace('_', ' ')}\n" in printed


@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["redact", "--help"]])
def test_commands_without_a_service_do_not_import_its_libraries(arguments: list[str]) -> None:
    program = (
        "import sys; from framecloak.entrypoints.cli.main import main; "
        f"code = main({arguments!r}); print(code, *sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    code, *modules = done.stdout.splitlines()[-1].split()
    assert code == "0"
    assert not {"asyncio", "numpy", "rich", "sqlalchemy", "litestar", "structlog", "uvloop"} & set(modules)


def test_every_command_has_a_line_of_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    listed = capsys.readouterr().out
    for name, summary in framecloak.summaries.items():
        assert f"  {name} " in listed
        command = framecloak.get_command(click.Context(framecloak), name)
        assert command is not None
        assert command.get_short_help_str(200) == summary


def options_without_help(command: click.Command, words: str) -> list[str]:
    """Return the options of a command and of those below it that have no help text."""
    missing = [
        f"{words} {option.opts[0]}"
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            missing += options_without_help(below, f"{words} {name}")
    return missing


def test_every_option_has_a_help_text() -> None:
    assert options_without_help(framecloak, "framecloak") == []
