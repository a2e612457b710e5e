"""Report section on the release of a result, added when the report of a released result is shown, or sent."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.adapters.report import markup
from framecloak.domain.anonymization.model.options import Language
from framecloak.domain.anonymization.results.proof.release_addendum import ReadRelease

_END = b"<footer>"


@dataclass(frozen=True, slots=True)
class _Messages:
    title: str
    help: str
    released_by: str
    released_at: str
    seen: str
    of: str


_MESSAGES = {
    Language.ENGLISH: _Messages(
        title="Release",
        help="This section was added after the release; the report in the archive does not have it. The"
        " signed release names the manifest of this result.",
        released_by="Released by",
        released_at="Released at",
        seen="Risky frames seen by this person",
        of="{seen} of {total}",
    ),
    Language.GERMAN: _Messages(
        title="Freigabe",
        help="Dieser Abschnitt wurde nach der Freigabe ergänzt; der Bericht im Archiv enthält ihn nicht."
        " Die signierte Freigabe nennt das Manifest dieses Ergebnisses.",
        released_by="Freigegeben von",
        released_at="Freigegeben am",
        seen="Von dieser Person gesehene unsichere Bilder",
        of="{seen} von {total}",
    ),
}


def add_release(report: bytes, release: ReadRelease, language: Language) -> bytes:
    """Return a report with a last section on the release of its result.

    Args:
        report: report of the result, HTML.
        release: release of the result.
        language: language of the report.
    """
    messages = _MESSAGES[language]
    seen = messages.of.format(seen=release.seen_risky_frames, total=release.risky_frames)
    rows = (
        (messages.released_by, release.released_by),
        (messages.released_at, release.released_at),
        (messages.seen, seen),
    )
    section = markup.section(messages.title, markup.paragraph(messages.help) + markup.definitions(rows))
    head, end, tail = report.rpartition(_END)
    return head + section.encode() + end + tail if end else report + section.encode()
