"""Texts of the console: the same in every language, none missing and none unused."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from pathlib import Path

import pytest

from framecloak.domain.accounts.passwords import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH
from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.work.slice_worker import NO_WORKER_SURVIVED
from framecloak.entrypoints.asgi.problem_details import CODE_BY_STATUS, PUBLIC_CODES, STATUS_BY_CODE

WEB = Path(str(files("framecloak.entrypoints.http") / "web"))
LANGUAGES = {
    path.stem: json.loads(path.read_text("utf-8")) for path in sorted((WEB / "languages").glob("*.json"))
}
ENGLISH: dict[str, str] = LANGUAGES["en"]
SCRIPTS = {path: path.read_text("utf-8") for path in sorted(WEB.rglob("*.js"))}
SOURCE = "\n".join(SCRIPTS.values())
MAX_SCRIPT_LINES = 250
"""Upper limit of lines in a script."""

NOT_SHOWN = {
    "client_gone": "the client has disconnected",
    "emotions_unavailable": "images are analysed without emotions",
    "idempotency_conflict": "the console sends no idempotency keys",
    "input_not_found": "command line only",
    "invalid_setting": "the service does not start",
    "method_not_allowed": "the console uses existing methods",
    "model_export_failed": "command line only",
    "output_unwritable": "command line only",
    "range_not_satisfiable": "the console requests no ranges",
    "token_expired": "links are followed as soon as they are created",
    "token_not_found": "links are followed as soon as they are created",
    "token_used": "links are followed as soon as they are created",
    "unreadable_archive": "command line only",
    "unsupported_media_type": "the console sends accepted media types",
    "upload_not_found": "the console sends files in one request",
    "webhook_failed": "reported neither to the receiver nor to the user",
}
"""Codes that the console never shows, with the reason."""

RESPONSE_CODES = set(STATUS_BY_CODE) | set(CODE_BY_STATUS.values())

RUN_CODES = {*PUBLIC_CODES, NO_WORKER_SURVIVED}
"""Codes with which runs fail, besides those of responses."""

CONSOLE_CODES = {"connection_lost", "shared_with_owner"}
"""Codes of errors that the console itself raises."""


def placeholders(sentence: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", sentence))


def without_plural_form(name: str) -> str:
    """Return the name by which code refers to a text with plural forms."""
    return re.sub(r"\.(one|other)$", "", name)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_language_has_every_text_with_the_same_placeholders(language: str) -> None:
    texts: dict[str, str] = LANGUAGES[language]
    assert list(texts) == list(ENGLISH)
    for name, sentence in texts.items():
        assert sentence.strip() == sentence != "", name
        assert placeholders(sentence) == placeholders(ENGLISH[name]), name


def test_the_report_is_offered_in_the_languages_in_which_it_is_written() -> None:
    script = SCRIPTS[WEB / "core" / "language.js"]
    (offered,) = re.findall(r"REPORT_LANGUAGES = (\[.*\]);", script)
    assert json.loads(offered) == [language.value for language in Language]
    assert {language.value for language in Language} <= LANGUAGES.keys()
    # The languages of the console are for its own menu only.
    of_console = {
        path.relative_to(WEB).as_posix() for path, script in SCRIPTS.items() if " LANGUAGES" in script
    }
    assert of_console == {"core/language.js", "ui/shell.js"}


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_a_refused_password_is_explained_with_the_limits(language: str) -> None:
    numbers = re.findall(r"\d+", LANGUAGES[language]["error.weak_password"])
    assert numbers == [str(MIN_PASSWORD_LENGTH), str(MAX_PASSWORD_LENGTH)]


def test_every_text_that_scripts_use_exists() -> None:
    known = set(ENGLISH) | {without_plural_form(name) for name in ENGLISH}
    named = set(re.findall(r'\bt\("([^"]+)"', SOURCE))
    assert named
    assert named <= known
    # Composed names begin like existing texts.
    prefixes = re.findall(r"\bt\(`([\w.]+)\$\{", SOURCE)
    assert prefixes
    for prefix in prefixes:
        assert any(name.startswith(prefix) for name in known), prefix


def test_no_text_is_unused() -> None:
    literal = set(re.findall(r'"([\w]+(?:\.[\w.]+)?)"', SOURCE))
    prefixes = (*re.findall(r"`([a-z]\w*\.[\w.]*)\$\{", SOURCE), "level.", "redaction.", "verify.")
    unused = [
        name
        for name in ENGLISH
        if without_plural_form(name) not in literal and name not in literal and not name.startswith(prefixes)
    ]
    assert unused == []


def test_error_texts_belong_to_existing_codes() -> None:
    codes = {name.removeprefix("error.") for name in ENGLISH if name.startswith("error.")}
    assert codes <= RESPONSE_CODES | RUN_CODES | CONSOLE_CODES


def test_every_error_that_the_console_shows_has_a_text() -> None:
    assert set(NOT_SHOWN) <= RESPONSE_CODES
    assert {f"error.{code}" for code in (RESPONSE_CODES | RUN_CODES) - set(NOT_SHOWN)} <= set(ENGLISH)
    assert not {f"error.{code}" for code in NOT_SHOWN} & set(ENGLISH)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: str(path.relative_to(WEB)))
def test_scripts_are_small_and_never_parse_text_as_markup(path: Path) -> None:
    script = SCRIPTS[path]
    assert script.count("\n") < MAX_SCRIPT_LINES
    assert script.startswith("/** ")
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write", script)
    assert not re.search(r"\beval\(|new Function|cssText|setAttribute\(.style", script)
