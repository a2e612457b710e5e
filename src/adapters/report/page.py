"""Writes the report."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files

from framecloak.adapters.report import findings, origins, overview
from framecloak.adapters.report.english import ENGLISH
from framecloak.adapters.report.german import GERMAN
from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.results.archive_writer import ReportFacts

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_LANGUAGES = {Language.ENGLISH: ENGLISH, Language.GERMAN: GERMAN}


def report(facts: ReportFacts) -> bytes:
    """The whole page, in the language of the settings; the same facts give the same bytes."""
    words = _LANGUAGES[facts.settings.appearance.language]
    body = "".join(
        (
            overview.opening(facts, words),
            overview.numbers(facts, words),
            overview.over_time(facts, words),
            overview.chosen(facts, words),
            findings.people(facts, words),
            findings.proof(facts.proof, words),
            findings.blanks(facts, words),
            findings.gaps(facts, words),
            findings.weakest(facts, words),
            origins.sources(facts, words),
            origins.films(facts, words),
            origins.models(facts, words),
            origins.check(facts, words),
        )
    )
    page = (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(words.title)}</title><style>{_style()}</style></head><body>{body}"
        f"<footer>{escape(words.made_with.format(tool=facts.tool))}</footer></body></html>\n"
    )
    # Names of files may hold bytes that are no UTF-8.
    return page.encode(errors="replace")


@cache
def _style() -> str:
    return files("framecloak.adapters.report").joinpath("style.css").read_text("utf-8")
