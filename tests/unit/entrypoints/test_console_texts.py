"""The words of the console: the same sentences in every language, and none that is missing or idle."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from framecloak.domain.anonymization.work.slice_worker import NO_WORKER_SURVIVED
from framecloak.entrypoints.asgi.problem_details import CODE_BY_STATUS, PUBLIC_CODES, STATUS_BY_CODE

WEB = Path(str(files("framecloak.entrypoints.http") / "web"))
LANGUAGES = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted((WEB / "languages").glob("*.json"))
}
ENGLISH: dict[str, str] = LANGUAGES["en"]
SCRIPTS = {path: path.read_text("utf-8") for path in sorted(WEB.rglob("*.js"))}
SOURCE = "\n".join(SCRIPTS.values())
LONGEST = 250
"""Lines that a script may have."""

UNTOLD = {
    "client_gone": "whoever is gone reads nothing",
    "emotions_unavailable": "pictures are analysed without",
    "idempotency_conflict": "the console sends no keys",
    "input_not_found": "of the command line",
    "invalid_setting": "of a service that does not start",
    "method_not_allowed": "the console uses the methods that there are",
    "model_export_failed": "of the command line",
    "output_unwritable": "of the command line",
    "range_not_satisfiable": "the console asks for no parts",
    "token_expired": "links are followed as soon as they are made",
    "token_not_found": "likewise",
    "token_used": "likewise",
    "unreadable_archive": "of the command line",
    "unsupported_media_type": "the console sends what is taken",
    "upload_not_found": "the console sends files whole",
    "webhook_failed": "whoever is called learns nothing, and neither does who ordered",
}
"""Codes that nobody meets in the console, and why."""

OF_ANSWERS = set(STATUS_BY_CODE) | set(CODE_BY_STATUS.values())

OF_RUNS = {*PUBLIC_CODES, NO_WORKER_SURVIVED}
"""Codes that runs fail with, besides those of answers."""

OF_THE_PAGE = {"connection_lost", "shared_with_owner"}
"""Codes of errors that no answer has."""


def placeholders(sentence: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", sentence))


def without_form(name: str) -> str:
    """The name that code uses of a sentence that counts."""
    return re.sub(r"\.(one|other)$", "", name)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_says_everything_with_the_same_values(language: str) -> None:
    words: dict[str, str] = LANGUAGES[language]
    assert list(words) == list(ENGLISH)
    for name, sentence in words.items():
        assert sentence.strip() == sentence != "", name
        assert placeholders(sentence) == placeholders(ENGLISH[name]), name


def test_every_sentence_that_is_asked_for_is_there() -> None:
    known = set(ENGLISH) | {without_form(name) for name in ENGLISH}
    assert set(re.findall(r'\bt\("([^"]+)"', SOURCE)) <= known
    # Names that are put together begin like sentences that are there.
    for beginning in re.findall(r"\bt\(`([\w.]+)\$\{", SOURCE):
        assert any(name.startswith(beginning) for name in known), beginning


def test_no_sentence_is_idle() -> None:
    literal = set(re.findall(r'"([\w]+(?:\.[\w.]+)?)"', SOURCE))
    beginnings = (*re.findall(r"`([a-z]\w*\.[\w.]*)\$\{", SOURCE), "level.", "redaction.", "verify.")
    idle = [
        name
        for name in ENGLISH
        if without_form(name) not in literal and name not in literal and not name.startswith(beginnings)
    ]
    assert idle == []


def test_errors_that_have_words_exist() -> None:
    codes = {name.removeprefix("error.") for name in ENGLISH if name.startswith("error.")}
    assert codes <= OF_ANSWERS | OF_RUNS | OF_THE_PAGE


def test_every_error_that_may_be_met_has_words() -> None:
    assert set(UNTOLD) <= OF_ANSWERS
    assert {f"error.{code}" for code in (OF_ANSWERS | OF_RUNS) - set(UNTOLD)} <= set(ENGLISH)
    assert not {f"error.{code}" for code in UNTOLD} & set(ENGLISH)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(WEB)))
def test_scripts_are_small_and_never_parse_text_as_markup(path: Path) -> None:
    script = SCRIPTS[path]
    assert script.count("\n") < LONGEST
    assert script.startswith("/** ")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", script)
    assert not re.search(r"\beval\(|new Function|cssText|setAttribute\(.style", script)
