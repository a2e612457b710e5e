"""HTML page of the report."""

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
    """Render the report in the language of the settings; the same data give the same bytes."""
    messages = _LANGUAGES[facts.settings.appearance.language]
    body = "".join(
        (
            overview.opening(facts, messages),
            overview.numbers(facts, messages),
            overview.over_time(facts, messages),
            overview.chosen(facts, messages),
            findings.people(facts, messages),
            findings.proof(facts.proof, messages),
            findings.blanks(facts, messages),
            findings.gaps(facts, messages),
            findings.weakest(facts, messages),
            origins.sources(facts, messages),
            origins.films(facts, messages),
            origins.models(facts, messages),
            origins.check(facts, messages),
        )
    )
    page = (
        f'<!doctype html><html lang="{messages.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(messages.title)}</title><style>{_style()}</style></head><body>{body}"
        f"<footer>{escape(messages.made_with.format(tool=facts.tool))}</footer></body></html>\n"
    )
    # File names may contain bytes that are not UTF-8.
    return page.encode(errors="replace")


@cache
def _style() -> str:
    return files("framecloak.adapters.report").joinpath("style.css").read_text("utf-8")
