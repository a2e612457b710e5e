"""HTML page of the report."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files

from framecloak.adapters.report import findings, history, origins, overview
from framecloak.adapters.report.messages.english import ENGLISH
from framecloak.adapters.report.messages.german import GERMAN
from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.results.archive_writer import ReportData

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_LANGUAGES = {Language.ENGLISH: ENGLISH, Language.GERMAN: GERMAN}


def render_report(data: ReportData) -> bytes:
    """Render the report in the language of the settings; the same data give the same bytes."""
    messages = _LANGUAGES[data.settings.appearance.language]
    body = "".join(
        (
            overview.title_section(data, messages),
            history.order_section(data, messages),
            overview.counts_section(data, messages),
            overview.timeline_section(data, messages),
            overview.settings_section(data, messages),
            history.corrections_section(data, messages),
            history.first_search_section(data, messages),
            findings.identities_section(data, messages),
            findings.text_section(data, messages),
            findings.residuals_section(data.residuals, messages),
            findings.blanked_section(data, messages),
            findings.gaps_section(data, messages),
            findings.weakest_tracks_section(data, messages),
            findings.weak_frames_section(data, messages),
            origins.sources_section(data, messages),
            origins.videos_section(data, messages),
            origins.models_section(data, messages),
            origins.verification_section(data, messages),
        )
    )
    page = (
        f'<!doctype html><html lang="{messages.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(messages.title)}</title><style>{_style()}</style></head><body>{body}"
        f"<footer>{escape(messages.made_with.format(tool=data.tool))}</footer></body></html>\n"
    )
    # File names may contain bytes that are not UTF-8.
    return page.encode(errors="replace")


@cache
def _style() -> str:
    return files("framecloak.adapters.report").joinpath("style.css").read_text("utf-8")
