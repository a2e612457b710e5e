"""Last sections of a report: sources, videos, models, and how to verify the result."""

from __future__ import annotations

from html import escape

from framecloak.adapters.report import markup
from framecloak.adapters.report.words import Words
from framecloak.domain.anonymization.results.archive_writer import ReportFacts
from framecloak.domain.anonymization.results.manifest import RecordedModel, RecordedSource

_LISTED_SEGMENTS = 20
"""Maximum number of frame ranges in a table cell."""


def sources(facts: ReportFacts, words: Words) -> str:
    """Render the table of sources."""
    rows = [_source_row(facts, words, source) for source in facts.sources[: markup.LISTED]]
    heads = (words.source, words.size, words.rate, words.written, words.marked, words.digest)
    table = markup.table(heads, rows, numbers={2, 4}, code={5})
    return markup.section(words.sources, table + markup.more(words, len(facts.sources) - len(rows)))


def _source_row(facts: ReportFacts, words: Words, source: RecordedSource) -> tuple[str, ...]:
    info = source.info
    whole = sum(len(segment) for segment in source.segments) == info.frame_count
    listed = source.segments[:_LISTED_SEGMENTS]
    written = "; ".join(markup.frames(words, part.start_frame, part.end_frame) for part in listed)
    if not info.continuous:
        written = words.picture
    elif whole:
        written = words.whole_source.format(count=words.number(info.frame_count))
    return (
        markup.source_name(facts, words, source.id),
        f"{info.width} x {info.height}",
        words.number(info.frame_rate, 2) if info.continuous else markup.NONE,
        written,
        words.number(len(source.regions)),
        source.sha256,
    )


def films(facts: ReportFacts, words: Words) -> str:
    """Render the table of output videos and their digests; empty without videos."""
    if not facts.files:
        return ""
    rows = [(file.file, file.sha256) for file in facts.files[: markup.LISTED]]
    table = markup.table((words.film, words.digest), rows, code={1})
    return markup.section(words.films, table + markup.more(words, len(facts.files) - len(rows)))


def models(facts: ReportFacts, words: Words) -> str:
    """Render the table of models."""
    if not facts.models:
        return markup.section(words.models, markup.paragraph(words.no_models))
    rows = [
        (model.card.name, model.card.licence, _runs_on(model, words), model.card.sha256)
        for model in facts.models
    ]
    return markup.section(
        words.models, markup.table((words.model, words.licence, words.runs_on, words.digest), rows, code={3})
    )


def _runs_on(model: RecordedModel, words: Words) -> str:
    """Return provider and precision of a model, with its frame ranges if variants differ."""
    variant = f"{model.card.provider}, {model.card.precision}"
    if not model.segments:
        return variant
    frames = [
        markup.frames(words, segment.start_frame, segment.end_frame)
        for segment in model.segments[:_LISTED_SEGMENTS]
    ]
    more = ["…"] if len(model.segments) > _LISTED_SEGMENTS else []
    return f"{variant} ({'; '.join(frames + more)})"


def check(facts: ReportFacts, words: Words) -> str:
    """Render the instructions for verification and the limits of the report."""
    # The steps are constants of this program and contain markup.
    steps = "".join(f"<li>{step}</li>" for step in words.check_steps)
    key = f"<p>{escape(words.key)}: <code>{escape(facts.key_id)}</code> (Ed25519)</p>"
    check = markup.section(words.check, f"{markup.paragraph(words.check_help)}{key}<ol>{steps}</ol>")
    return check + markup.section(words.limits, markup.paragraph(words.limits_help))
