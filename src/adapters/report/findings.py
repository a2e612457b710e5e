"""Report sections to review: visible faces, residual check, black frames, gaps and weak tracks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape

from framecloak.adapters.report import markup
from framecloak.adapters.report.words import Words
from framecloak.domain.anonymization.model.boxes import Origin
from framecloak.domain.anonymization.model.residuals import Proof
from framecloak.domain.anonymization.results.archive_writer import ReportFacts
from framecloak.domain.anonymization.results.report_data import TrackEvidence


def people(facts: ReportFacts, words: Words) -> str:
    """Render the identity decisions; faces left visible come first, because they need a review."""
    if facts.settings.identities is None:
        return ""
    people = facts.people
    runs = sorted(people.runs(), key=lambda run: run.redacted)
    if not runs:
        return markup.section(words.people, markup.paragraph(words.no_people_decided))
    rows = [
        (
            words.number(run.track),
            markup.source_name(facts, words, run.source),
            markup.frames(words, run.start, run.stop),
            words.decisions[run.decision],
            markup.NONE if run.similarity is None else words.number(run.similarity, 2),
            words.number(len(run.views)),
            words.was_redacted if run.redacted else words.was_kept,
        )
        for run in runs[: markup.LISTED]
    ]
    names = (
        words.track,
        words.source,
        words.where,
        words.decided,
        words.similarity,
        words.views,
        "",
    )
    text = words.kept.format(kept=words.number(people.kept), tracks=words.number(people.kept_tracks))
    inherited = markup.paragraph(words.decided_before) if facts.settings.based_on else ""
    return markup.section(
        words.people,
        inherited
        + markup.paragraph(text)
        + markup.table(names, rows)
        + markup.more(words, len(runs) - len(rows)),
    )


def proof(proof: Proof | None, words: Words) -> str:
    """Render the results of the residual check."""
    if proof is None:
        return markup.section(words.proof, markup.paragraph(words.no_proof))

    def similarity(value: float | None) -> str:
        return words.nothing_compared if value is None else words.number(value, 2)

    tally, method = proof.tally, proof.method
    rows = (
        (words.proof_frames, words.number(tally.frames)),
        (words.proof_gaps, words.number(tally.near_gaps)),
        (words.proof_before, words.number(tally.residual_before)),
        (words.proof_after, words.number(tally.residual_after)),
        (words.proof_again, words.number(tally.redacted_again)),
        (words.proof_blanked, words.number(tally.blanked)),
        (words.similarity_before, similarity(tally.similarity_before)),
        (words.similarity_after, similarity(tally.similarity_after)),
    )
    compared = words.not_compared
    if method.recognizer is not None and method.strangers is not None:
        limit = words.number(method.strangers, 2)
        compared = words.compared.format(model=method.recognizer, limit=limit)
    method_text = f"{words.searched[method.verify]} {words.proof_help}"
    return markup.section(
        words.proof, markup.paragraph(method_text) + markup.paragraph(compared) + markup.definitions(rows)
    )


def blanks(facts: ReportFacts, words: Words) -> str:
    """Render the list of black frames."""
    blanks = facts.evidence.blanks
    if not blanks:
        return markup.section(words.blanks, markup.paragraph(words.no_blanks))
    rows = [
        (markup.source_name(facts, words, blank.source), markup.frames(words, blank.start, blank.stop))
        for blank in blanks[: markup.LISTED]
    ]
    table = markup.table((words.source, words.where), rows)
    return markup.section(
        words.blanks,
        markup.paragraph(words.some_blanks) + table + markup.more(words, len(blanks) - len(rows)),
    )


def gaps(facts: ReportFacts, words: Words) -> str:
    """Render the longest gaps: runs of frames in which a face was redacted without a detection."""
    evidence = facts.evidence
    filled = evidence.inferred[Origin.FILLED]
    if not evidence.gaps:
        return markup.section(words.gaps, markup.paragraph(words.no_gaps))
    text = words.some_gaps.format(count=words.number(evidence.gaps), frames=words.number(filled))
    rows = [
        (
            markup.source_name(facts, words, gap.source),
            words.number(gap.track),
            markup.frames(words, gap.start, gap.start + gap.length),
            words.number(gap.length),
        )
        for gap in evidence.longest_gaps()
    ]
    table = markup.table((words.source, words.track, words.where, words.length), rows, numbers={3})
    return markup.section(words.gaps, markup.paragraph(text) + table)


def weakest(facts: ReportFacts, words: Words) -> str:
    """Render the tracks with the weakest evidence, with thumbnails."""
    if facts.settings.based_on:
        return ""
    if facts.settings.threshold is None or not facts.evidence.tracks:
        return markup.section(words.weakest, markup.paragraph(words.no_tracks))
    weakest = facts.evidence.weakest_tracks()
    rows = [
        (
            markup.source_name(facts, words, track.source),
            words.number(track.track),
            markup.frames(words, track.first, track.last + 1),
            words.number(track.best_score, 2),
            words.number(track.seen),
            words.number(track.frames),
        )
        for track in weakest
    ]
    heads = (words.source, words.track, words.where, words.best_score, words.seen, words.redacted)
    table = markup.table(heads, rows, numbers={3, 4, 5})
    return markup.section(
        words.weakest, markup.paragraph(words.weakest_help) + table + _thumbnails(facts, words, weakest)
    )


def _thumbnails(facts: ReportFacts, words: Words, tracks: Iterable[TrackEvidence]) -> str:
    """Render thumbnails from the redacted frames, embedded in the page."""
    figures = "".join(
        f'<figure><img alt="{escape(_track(facts, words, track))}" '
        f'src="data:image/jpeg;base64,{b64encode(track.thumbnail).decode()}">'
        f"<figcaption>{escape(_track(facts, words, track))}</figcaption></figure>"
        for track in tracks
        if track.thumbnail is not None
    )
    note = f'<p class="note">{escape(words.thumbnails_help)}</p>'
    return f'<div class="thumbnails">{figures}</div>{note}' if figures else ""


def _track(facts: ReportFacts, words: Words, one: TrackEvidence) -> str:
    """Return the label of a track; with several sources it includes the source, as track ids repeat."""
    label = f"{words.track} {words.number(one.track)}"
    return label if len(facts.sources) == 1 else f"{words.source} {words.number(one.source)}, {label}"
