"""Last sections of a report: sources, videos, models, and how to verify the result."""

from __future__ import annotations

from html import escape

from framecloak.adapters.report import markup
from framecloak.adapters.report.messages import Messages
from framecloak.domain.anonymization.results.archive_writer import ReportData
from framecloak.domain.anonymization.results.manifest import RecordedModel, RecordedSource

_MAX_SEGMENTS = 20
"""Maximum number of frame ranges in a table cell."""


def sources_section(facts: ReportData, messages: Messages) -> str:
    """Render the table of sources."""
    rows = [_source_row(facts, messages, source) for source in facts.sources[: markup.MAX_ROWS]]
    heads = (
        messages.source,
        messages.size,
        messages.rate,
        messages.frames_written,
        messages.marked_regions,
        messages.digest,
    )
    table = markup.table(heads, rows, number_columns={2, 4}, code_columns={5})
    return markup.section(
        messages.sources, table + markup.omitted_rows(messages, len(facts.sources) - len(rows))
    )


def _source_row(facts: ReportData, messages: Messages, source: RecordedSource) -> tuple[str, ...]:
    info = source.info
    whole = sum(len(segment) for segment in source.segments) == info.frame_count
    listed = source.segments[:_MAX_SEGMENTS]
    written = "; ".join(markup.frame_range(messages, part.start_frame, part.end_frame) for part in listed)
    if not info.continuous:
        written = messages.still_image
    elif whole:
        written = messages.whole_source.format(count=messages.number(info.frame_count))
    return (
        markup.source_name(facts, messages, source.id),
        f"{info.width} x {info.height}",
        messages.number(info.frame_rate, 2) if info.continuous else markup.EMPTY_CELL,
        written,
        messages.number(len(source.regions)),
        source.sha256,
    )


def videos_section(facts: ReportData, messages: Messages) -> str:
    """Render the table of output videos and their digests; empty without videos."""
    if not facts.files:
        return ""
    rows = [(file.file, file.sha256) for file in facts.files[: markup.MAX_ROWS]]
    table = markup.table((messages.video, messages.digest), rows, code_columns={1})
    return markup.section(
        messages.videos, table + markup.omitted_rows(messages, len(facts.files) - len(rows))
    )


def models_section(facts: ReportData, messages: Messages) -> str:
    """Render the table of models."""
    if not facts.models:
        return markup.section(messages.models, markup.paragraph(messages.no_models))
    rows = [
        (model.card.name, model.card.licence, _runs_on(model, messages), model.card.sha256)
        for model in facts.models
    ]
    return markup.section(
        messages.models,
        markup.table(
            (messages.model, messages.licence, messages.runs_on, messages.digest), rows, code_columns={3}
        ),
    )


def _runs_on(model: RecordedModel, messages: Messages) -> str:
    """Return provider and precision of a model, with its frame ranges if variants differ."""
    variant = f"{model.card.provider}, {model.card.precision}"
    if not model.segments:
        return variant
    frames = [
        markup.frame_range(messages, segment.start_frame, segment.end_frame)
        for segment in model.segments[:_MAX_SEGMENTS]
    ]
    more = ["…"] if len(model.segments) > _MAX_SEGMENTS else []
    return f"{variant} ({'; '.join(frames + more)})"


def verification_section(facts: ReportData, messages: Messages) -> str:
    """Render the instructions for verification and the limits of the report."""
    # The steps are constants of this program and contain markup.
    steps = "".join(f"<li>{step}</li>" for step in messages.check_steps)
    key = f"<p>{escape(messages.key)}: <code>{escape(facts.key_id)}</code> (Ed25519)</p>"
    check = markup.section(messages.check, f"{markup.paragraph(messages.check_help)}{key}<ol>{steps}</ol>")
    return check + markup.section(messages.limits, markup.paragraph(messages.limits_help))
