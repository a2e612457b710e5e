"""Options of the text policy on the command line: what makes no sense is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.text_policy import Harmless, TextMode
from framecloak.domain.errors import DomainError
from framecloak.entrypoints.cli.redact.text import TextArguments
from framecloak.entrypoints.cli.text_lists import MAX_LIST_BYTES

FILES = {
    "names": "Müller, Anna\n\nBerg\n".encode(),
    "bom": b"\xef\xbb\xbfAnna\r\n",
    "letter": b"Anna\nB\n",
    "binary": b"\xff\xfe\x00",
    "empty": b"\n \n",
    "bad_patterns": b"(a)\\1\n",
    "patterns": b"ward \\d\n\n",
    "long": "\n".join(f"Familie{number}x, Vera" for number in range(100_000)).encode(),
    "too_long": b"Anna\n" * 200_001,
    "explosive": b"(a+)+$\n(x+x+)+y\n",
    "large_pattern": b"((a{100}){100}){100}\n",
    "huge": b"a" * (MAX_LIST_BYTES + 1),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
    return tmp_path


def arguments(folder: Path, **options: str | bool) -> TextArguments:
    files = {"names", "patterns", "device_terms"}
    values: dict[str, Any] = {
        name: folder / str(value) if name in files else value for name, value in options.items()
    }
    return TextArguments(**values)


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"mode": "some"}, "invalid_option"),
        ({"mode": "listed", "names": "names"}, "invalid_option"),
        ({"mode": "listed", "fail_open": True}, "invalid_option"),
        ({"mode": "listed", "names": "names", "fail_open": True, "keep": "times"}, "invalid_option"),
        ({"mode": "listed", "names": "names", "fail_open": True, "device_terms": "names"}, "invalid_option"),
        ({"mode": "identifying", "fail_open": True}, "invalid_option"),
        ({"mode": "identifying", "keep": "names"}, "invalid_option"),
        ({"keep": "times"}, "invalid_option"),
        ({"names": "names"}, "invalid_option"),
        ({"mode": "identifying", "names": "letter"}, "invalid_option"),
        ({"mode": "identifying", "names": "binary"}, "invalid_option"),
        ({"mode": "identifying", "names": "huge"}, "invalid_option"),
        ({"mode": "identifying", "names": "too_long"}, "invalid_option"),
        ({"mode": "identifying", "names": "empty"}, "empty_file"),
        ({"mode": "identifying", "names": "missing"}, "input_not_found"),
        ({"mode": "identifying", "patterns": "bad_patterns"}, "invalid_option"),
        ({"mode": "identifying", "patterns": "large_pattern"}, "invalid_option"),
    ],
)
def test_what_makes_no_sense_is_refused(folder: Path, options: dict[str, Any], code: str) -> None:
    with pytest.raises(DomainError) as caught:
        arguments(folder, **options).policy(Level.FULL)
    assert caught.value.code == code
    assert caught.value.hint


def test_a_policy_needs_the_level_that_covers_text(folder: Path) -> None:
    with pytest.raises(DomainError, match="does not redact text"):
        arguments(folder, mode="identifying").policy(Level.FACES)


def test_all_text_is_covered_unless_asked_otherwise(folder: Path) -> None:
    assert arguments(folder).policy(Level.FACES) is None


def test_lists_are_read_line_by_line(folder: Path) -> None:
    policy = arguments(folder, mode="identifying", names="names", patterns="patterns", keep="Times").policy(
        Level.FULL
    )
    assert policy is not None
    assert policy.options.mode is TextMode.IDENTIFYING
    assert policy.options.keep == {Harmless.TIMES}
    assert policy.names.matches("MUELLER")
    assert policy.patterns is not None
    assert policy.patterns.match("Ward 7")
    with_mark = arguments(folder, mode="identifying", names="bom").policy(Level.FULL)
    assert with_mark is not None
    assert with_mark.names.matches("Anna")


def test_a_list_of_100000_names_is_taken(folder: Path) -> None:
    policy = arguments(folder, mode="identifying", names="long").policy(Level.FULL)
    assert policy is not None
    assert policy.names.matches("FAMILIE 777X")
    assert not policy.names.matches("Depth 12.5 cm")


def test_a_pattern_that_explodes_elsewhere_is_taken(folder: Path) -> None:
    policy = arguments(folder, mode="identifying", patterns="explosive").policy(Level.FULL)
    assert policy is not None
    assert policy.patterns is not None
    assert not policy.patterns.match("a" * 20_000 + "b")


def test_a_name_of_one_letter_is_refused_with_the_reason(folder: Path) -> None:
    with pytest.raises(DomainError, match="name 2 of the list has a single letter, which would cover"):
        arguments(folder, mode="identifying", names="letter").policy(Level.FULL)
