"""Report sections to review: visible faces, residual check, black frames, gaps and weak tracks."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from html import escape

from framecloak.adapters.report import markup
from framecloak.adapters.report.messages import Messages
from framecloak.domain.anonymization.model.residuals import ResidualSummary
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.results.archive_writer import ReportData
from framecloak.domain.anonymization.results.report_data import TrackEvidence


def identities_section(facts: ReportData, messages: Messages) -> str:
    """Render the identity decisions; faces left visible come first, because they need a review."""
    if facts.settings.identities is None:
        return ""
    people = facts.identity_log
    runs = sorted(people.runs(), key=lambda run: run.redacted)
    if not runs:
        return markup.section(messages.people, markup.paragraph(messages.no_people_decided))
    rows = [
        (
            messages.number(run.track),
            markup.source_name(facts, messages, run.source),
            markup.frame_range(messages, run.start, run.stop),
            messages.decisions[run.decision],
            markup.EMPTY_CELL if run.median_similarity is None else messages.number(run.median_similarity, 2),
            messages.number(len(run.similarity_by_frame)),
            messages.was_redacted if run.redacted else messages.was_kept,
        )
        for run in runs[: markup.MAX_ROWS]
    ]
    names = (
        messages.track,
        messages.source,
        messages.where,
        messages.decision,
        messages.similarity,
        messages.views,
        "",
    )
    text = messages.faces_left_visible.format(
        kept=messages.number(people.kept_count), tracks=messages.number(people.kept_tracks)
    )
    inherited = markup.paragraph(messages.decided_before) if facts.settings.based_on else ""
    return markup.section(
        messages.people,
        inherited
        + markup.paragraph(text)
        + markup.table(names, rows)
        + markup.omitted_rows(messages, len(runs) - len(rows)),
    )


def text_section(facts: ReportData, messages: Messages) -> str:
    """Render the decisions of the text policy; text left readable comes first, because it needs a review."""
    if facts.settings.text_policy is None:
        return ""
    log = facts.text_log
    runs = sorted(log.runs(), key=lambda run: not run.decision.kept)
    rows = [
        (
            messages.number(run.track),
            markup.source_name(facts, messages, run.source),
            markup.frame_range(messages, run.start, run.stop),
            messages.text.rules[run.decision.rule],
            messages.text.was_kept if run.decision.kept else messages.text.was_covered,
        )
        for run in runs[: markup.MAX_ROWS]
    ]
    names = (messages.track, messages.source, messages.where, messages.text.rule, "")
    text = messages.text.summary.format(
        kept=messages.number(log.kept_tracks), covered=messages.number(log.covered_tracks)
    )
    return markup.section(
        messages.text.title,
        markup.paragraph(text)
        + markup.table(names, rows)
        + markup.omitted_rows(messages, len(runs) - len(rows)),
    )


def residuals_section(residuals: ResidualSummary | None, messages: Messages) -> str:
    """Render the results of the residual check."""
    return markup.section(messages.residuals, residual_details(residuals, messages))


def residual_details(residuals: ResidualSummary | None, messages: Messages) -> str:
    """Render the results of a residual check without a heading."""
    if residuals is None:
        return markup.paragraph(messages.no_residual_check)

    def similarity(value: float | None) -> str:
        return messages.nothing_compared if value is None else messages.number(value, 2)

    counts, method = residuals.counts, residuals.method
    rows = (
        (messages.residual_frames, messages.number(counts.frames)),
        (messages.residual_gap_frames, messages.number(counts.near_gaps)),
        (messages.residuals_before, messages.number(counts.residual_before)),
        (messages.residuals_after, messages.number(counts.residual_after)),
        (messages.residual_redacted_again, messages.number(counts.redacted_again)),
        (messages.residual_blanked, messages.number(counts.blanked)),
        (messages.similarity_before, similarity(counts.similarity_before)),
        (messages.similarity_after, similarity(counts.similarity_after)),
    )
    compared = messages.residuals_not_compared
    if method.recognizer is not None and method.strangers is not None:
        limit = messages.number(method.strangers, 2)
        compared = messages.residuals_compared.format(model=method.recognizer, limit=limit)
    method_text = f"{messages.residual_scope[method.verify]} {messages.residuals_help}"
    return markup.paragraph(method_text) + markup.paragraph(compared) + markup.definitions(rows)


def blanked_section(facts: ReportData, messages: Messages) -> str:
    """Render the list of black frames."""
    blanks = facts.report_evidence.blanked_runs
    if not blanks:
        return markup.section(messages.blanks, markup.paragraph(messages.no_blanks))
    rows = [
        (
            markup.source_name(facts, messages, blank.source),
            markup.frame_range(messages, blank.start, blank.stop),
            messages.blank_reasons[blank.reason] if blank.reason else markup.EMPTY_CELL,
        )
        for blank in blanks[: markup.MAX_ROWS]
    ]
    table = markup.table((messages.source, messages.where, messages.blank_reason), rows)
    return markup.section(
        messages.blanks,
        markup.paragraph(messages.some_blanks)
        + table
        + markup.omitted_rows(messages, len(blanks) - len(rows)),
    )


def gaps_section(facts: ReportData, messages: Messages) -> str:
    """Render the longest gaps: runs of frames in which a face was redacted without a detection."""
    evidence = facts.report_evidence
    filled = evidence.inferred[Origin.FILLED]
    if not evidence.gap_count:
        return markup.section(messages.gaps, markup.paragraph(messages.no_gaps))
    text = messages.some_gaps.format(
        count=messages.number(evidence.gap_count), frames=messages.number(filled)
    )
    rows = [
        (
            markup.source_name(facts, messages, gap.source),
            messages.number(gap.track),
            markup.frame_range(messages, gap.start, gap.start + gap.length),
            messages.number(gap.length),
        )
        for gap in evidence.longest_gaps()
    ]
    table = markup.table(
        (messages.source, messages.track, messages.where, messages.length), rows, number_columns={3}
    )
    return markup.section(messages.gaps, markup.paragraph(text) + table)


def weakest_tracks_section(facts: ReportData, messages: Messages) -> str:
    """Render the tracks with the weakest evidence, with thumbnails."""
    if facts.settings.based_on:
        return ""
    if facts.settings.threshold is None or not facts.report_evidence.track_count:
        return markup.section(messages.weakest, markup.paragraph(messages.no_tracks))
    weakest = facts.report_evidence.weakest_tracks()
    rows = [
        (
            markup.source_name(facts, messages, track.source),
            messages.number(track.track),
            markup.frame_range(messages, track.first_frame, track.last_frame + 1),
            messages.number(track.best_score, 2),
            messages.number(track.detected_frames),
            messages.number(track.frames),
        )
        for track in weakest
    ]
    heads = (
        messages.source,
        messages.track,
        messages.where,
        messages.best_score,
        messages.detected_in,
        messages.redacted_in,
    )
    table = markup.table(heads, rows, number_columns={3, 4, 5})
    return markup.section(
        messages.weakest,
        markup.paragraph(messages.weakest_help) + table + _thumbnails(facts, messages, weakest),
    )


def weak_frames_section(facts: ReportData, messages: Messages) -> str:
    """Render the runs of frames in which a face is covered on weak grounds only."""
    if facts.settings.sight is None:
        return ""
    runs = [(source.id, *run) for source in facts.sources for run in source.weak_evidence]
    if not runs:
        return markup.section(messages.weak_frames, markup.paragraph(messages.no_weak_frames))
    rows = [
        (markup.source_name(facts, messages, source), markup.frame_range(messages, start, stop))
        for source, start, stop in runs[: markup.MAX_ROWS]
    ]
    return markup.section(
        messages.weak_frames,
        markup.paragraph(messages.weak_frames_help)
        + markup.table((messages.source, messages.where), rows)
        + markup.omitted_rows(messages, len(runs) - len(rows)),
    )


def _thumbnails(facts: ReportData, messages: Messages, tracks: Iterable[TrackEvidence]) -> str:
    """Render thumbnails from the redacted frames, embedded in the page."""
    figures = "".join(
        f'<figure><img alt="{escape(_track_label(facts, messages, track))}" '
        f'src="data:image/jpeg;base64,{b64encode(track.thumbnail).decode()}">'
        f"<figcaption>{escape(_track_label(facts, messages, track))}</figcaption></figure>"
        for track in tracks
        if track.thumbnail is not None
    )
    note = f'<p class="note">{escape(messages.thumbnails_help)}</p>'
    return f'<div class="thumbnails">{figures}</div>{note}' if figures else ""


def _track_label(facts: ReportData, messages: Messages, track: TrackEvidence) -> str:
    """Return the label of a track; with several sources it includes the source, as track ids repeat."""
    label = f"{messages.track} {messages.number(track.track)}"
    return label if len(facts.sources) == 1 else f"{messages.source} {messages.number(track.source)}, {label}"
