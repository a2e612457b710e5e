"""Parsing, validation and presentation of one environment variable."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest

from framecloak.domain.errors import InvalidOptionError, InvalidSettingError
from framecloak.entrypoints.settings.variables import (
    Address,
    Parser,
    Variable,
    boolean,
    distinct_words,
    integer,
    min_length,
    network_names,
    number,
    one_of,
    origins,
    parsed_by,
    path,
    positive,
    templates,
    text,
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"

    @classmethod
    def parse(cls, word: str) -> Colour:
        try:
            return cls(word.lower())
        except ValueError as error:
            raise InvalidOptionError(f"no colour {word}") from error


@pytest.mark.parametrize(
    ("parse", "value", "expected"),
    [
        (text, " unchanged ", " unchanged "),
        (path, "/a/b", Path("/a/b")),
        (path, "~/b", Path.home() / "b"),
        (boolean, "TRUE", True),
        (boolean, "on", True),
        (boolean, "0", False),
        (boolean, "No", False),
        (integer(0, 65535), "0", 0),
        (integer(0, 65535), "65535", 65535),
        (number(0, 5), "0", 0.0),
        (number(0, 5), "5.0", 5.0),
        (positive(24), "0.5", 0.5),
        (positive(24), "24", 24.0),
        (one_of(("cpu", "cuda")), "cuda", "cuda"),
        (parsed_by(Colour.parse, Colour), "RED", Colour.RED),
        (Address("http", "https"), "https://a.example/sub/", "https://a.example/sub"),
        (Address("redis", "unix"), "unix:///run/redis.sock", "unix:///run/redis.sock"),
        (Address("postgresql"), "postgresql://u:p%40w@[::1]:5432/db", "postgresql://u:p%40w@[::1]:5432/db"),
        (network_names, "10.0.0.1, 10.1.0.0/16,::1", "10.0.0.1,10.1.0.0/16,::1"),
        (network_names, "*", "*"),
        (
            origins,
            "'self'  https://a.example:8443 http://*.b.example",
            "'self' https://a.example:8443 http://*.b.example",
        ),
        (min_length(4), "four", "four"),
        (distinct_words, " happy, very sad", "happy,very sad"),
        (templates("it"), "a {it} | the {it} ", "a {it}|the {it}"),
    ],
)
def test_valid_values_are_parsed(parse: Parser, value: str, expected: object) -> None:
    parsed = Variable("NAME", "A test.", parse).read({"NAME": value})
    assert parsed == expected
    assert type(parsed) is type(expected)


@pytest.mark.parametrize(
    ("parse", "value", "hint"),
    [
        (path, "~nobody-of-this-name/b", "home of a user"),
        (boolean, "perhaps", "true or false"),
        (integer(1, 9), "0", "a number from 1 to 9"),
        (integer(1, 9), "10", "a number from 1 to 9"),
        (integer(1, 9), "-2", "a number from 1 to 9"),
        (integer(1, 9), "1.5", "a number from 1 to 9"),
        (integer(1, 9), "٣", "a number from 1 to 9"),
        (integer(1, 9), "9" * 5000, "a number from 1 to 9"),
        (number(0, 5), "-0.1", "a number from 0 to 5"),
        (number(0, 5), "5.1", "a number from 0 to 5"),
        (number(0, 5), "nan", "a number from 0 to 5"),
        (number(0, 5), "soon", "a number from 0 to 5"),
        (positive(24), "0", "a number above 0, at most 24"),
        (positive(24), "nan", "a number above 0, at most 24"),
        (positive(24), "inf", "a number above 0, at most 24"),
        (positive(24), "soon", "a number above 0, at most 24"),
        (one_of(("cpu", "cuda")), "CUDA", "one of cpu, cuda"),
        (parsed_by(Colour.parse, Colour), "green", "one of red, blue"),
        (Address("http", "https"), "ftp://a.example", "begins with http:// or https://"),
        (Address("http", "https"), "a.example", "begins with http://"),
        (Address("http"), "http://", "begins with http://"),
        (Address("http"), "http://a.example:port", "begins with http://"),
        (Address("http"), "http://[::1", "begins with http://"),
        (Address("http"), "http://a.example/\nSet-Cookie: a", "begins with http://"),
        (network_names, "proxy.example", "IP addresses or networks"),
        (network_names, "10.0.0.1,", "IP addresses or networks"),
        (origins, "a.example", "origins separated by spaces"),
        (origins, "https://a.example; script-src *", "origins separated by spaces"),
        (origins, "https://a.example/path", "origins separated by spaces"),
        (min_length(4), "abc", "at least 4 characters"),
        (distinct_words, "happy", "two or more different words"),
        (distinct_words, "happy,,sad", "two or more different words"),
        (distinct_words, "happy,happy", "two or more different words"),
        (templates("it"), "a {it}|the", "each with {it} in it"),
        (templates("it"), "a {it}|", "each with {it} in it"),
    ],
)
def test_invalid_values_are_refused_with_the_variable_s_name(parse: Parser, value: str, hint: str) -> None:
    with pytest.raises(InvalidSettingError) as caught:
        Variable("NAME", "A test.", parse).read({"NAME": value})
    assert caught.value.message == f"NAME is {value!r}"
    assert caught.value.hint.startswith("set it to ")
    assert hint in caught.value.hint


def test_an_unset_and_an_empty_variable_have_the_default() -> None:
    fixed = Variable("NAME", "A test.", integer(0, 9), "7", unit="things")
    computed = Variable("NAME", "A test.", text, lambda others: others["OTHER"], default_text="OTHER")
    for environment in ({"OTHER": "x"}, {"OTHER": "x", "NAME": ""}):
        assert (fixed.read(environment), fixed.is_set(environment)) == (7, False)
        assert computed.read(environment) == "x"
        assert Variable("NAME", "A test.", integer(0, 9)).read(environment) == ""
    assert (fixed.documented_default, computed.documented_default) == ("7", "OTHER")


def secret(parse: Parser = text) -> Variable:
    return Variable("NAME", "A test.", parse, secret=True)


def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file, spaces kept \r\n")
    environment = {"NAME_FILE": str(tmp_path / "secret")}
    assert secret().read(environment) == "from a file, spaces kept "
    assert secret().is_set(environment)
    assert secret().read({**environment, "NAME": "direct"}) == "direct"
    # Only secrets are read from files.
    assert Variable("NAME", "A test.", text, "default").read(environment) == "default"


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_an_unreadable_secret_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InvalidSettingError, match=f"NAME_FILE is '{file}', which cannot be read: "):
        secret().read({"NAME_FILE": str(file)})


def test_a_bad_secret_is_not_shown() -> None:
    with pytest.raises(InvalidSettingError) as caught:
        secret(min_length(32)).read({"NAME": "hunter2"})
    assert "hunter2" not in str(caught.value)
    assert caught.value.message == "NAME is ********"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        ("", ""),
        (True, "true"),
        (False, "false"),
        (2.5, "2.5"),
        (Path("/a"), "/a"),
        (Colour.RED, "red"),
    ],
)
def test_values_are_shown_as_users_write_them(value: Any, shown: str) -> None:  # noqa: ANN401 - of any type
    assert Variable("NAME", "A test.", text).masked_text(value) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("postgresql://user:hunter2@db:5432/name", "postgresql://user:********@db:5432/name"),
        ("postgresql://user:hun@ter2@db/name", "postgresql://user:********@db/name"),
        ("redis://:hunter2@[::1]:6379/0", "redis://:********@[::1]:6379/0"),
        ("postgresql://user@db/name", "postgresql://user@db/name"),
        ("postgresql://db/name?password=hunter2", "postgresql://db/name?********"),
        ("postgresql://user:12/hunter2@db/name", "********"),
        ("postgresql://user:12?hunter2@db/name", "********"),
        ("postgresql://user:12#hunter2@db/name", "********"),
        ("unix:///run/redis.sock?password=hunter2", "********"),
    ],
)
def test_an_address_is_shown_without_its_password(value: str, shown: str) -> None:
    assert secret(Address("postgresql", "redis", "unix")).masked_text(value) == shown


def test_other_secrets_are_not_shown_at_all() -> None:
    for value in ("hunter2", "scheme://user:hunter2@looks-like-an-address"):
        assert secret().masked_text(value) == "********"
