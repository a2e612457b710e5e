"""Report sections on the order, on corrections by hand, and on the search that found the boxes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from html import escape
from typing import Any

from framecloak.adapters.report import markup
from framecloak.adapters.report.findings import residual_details
from framecloak.adapters.report.messages import Messages
from framecloak.adapters.report.search import search_sentences
from framecloak.domain.anonymization.detection.scales import DetectionScale
from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.record.history import BoxEdit, Correction, History
from framecloak.domain.anonymization.model.residuals import CheckCounts, CheckMethod, ResidualSummary
from framecloak.domain.anonymization.results.archive_writer import ReportData
from framecloak.domain.anonymization.results.recorded_settings import RecordedSettings


def order_section(facts: ReportData, messages: Messages) -> str:
    """Render the order that the result was made for; empty outside a service."""
    order, texts = facts.settings.order, messages.history
    if order is None:
        return ""
    rows = (
        (texts.reference, order.reference or markup.EMPTY_CELL),
        *([(texts.video_title, order.title)] if order.title else []),
        (texts.order_id, order.id),
        (texts.ordered_by, order.ordered_by),
        (texts.ordered_at, order.ordered_at),
        *([(texts.completed_at, order.completed_at)] if order.completed_at else []),
        (texts.software, facts.tool),
    )
    return markup.section(texts.order_title, markup.definitions(rows))


def corrections_section(facts: ReportData, messages: Messages) -> str:
    """Render who corrected the result, when and how; empty for a result that was not corrected."""
    history = facts.settings.history
    if history is None:
        return ""
    texts = messages.history
    rows = [_correction_row(correction, messages) for correction in history.corrections[-markup.MAX_ROWS :]]
    heads = (texts.parent, texts.signature, texts.editor, texts.edited_at, texts.edit_count)
    content = markup.paragraph(texts.help)
    if released := history.released():
        content += markup.paragraph(texts.released.format(frames=messages.number(len(released))))
    content += markup.table(heads, rows, number_columns={4}, code_columns={0})
    return markup.section(texts.title, content + _edits_table(history, messages))


def _correction_row(correction: Correction, messages: Messages) -> tuple[str, ...]:
    return (
        correction.manifest_sha256,
        messages.history.signatures[correction.signature],
        correction.editor or markup.EMPTY_CELL,
        correction.edited_at or markup.EMPTY_CELL,
        messages.number(len(correction.edits)),
    )


def _edits_table(history: History, messages: Messages) -> str:
    edits = [edit for correction in reversed(history.corrections) for edit in correction.edits]
    if not edits:
        return ""
    texts = messages.history
    rows = [_edit_row(edit, messages) for edit in edits[: markup.MAX_ROWS]]
    table = markup.table((messages.where, texts.change, texts.box, texts.reason), rows)
    omitted = markup.omitted_rows(messages, len(edits) - len(rows))
    return f"<h3>{escape(texts.edits)}</h3>{table}{omitted}"


def _edit_row(edit: BoxEdit, messages: Messages) -> tuple[str, ...]:
    texts = messages.history
    reason = markup.EMPTY_CELL if edit.reason is None else texts.reasons.get(edit.reason, edit.reason)
    return (
        markup.frame_range(messages, edit.frame, edit.frame + 1),
        texts.changes[edit.change],
        ", ".join(map(str, edit.xyxy)) if edit.xyxy else markup.EMPTY_CELL,
        reason,
    )


def first_search_section(facts: ReportData, messages: Messages) -> str:
    """Render the figures of the search that found the boxes; empty for a result that was not corrected."""
    history, texts = facts.settings.history, messages.history
    if history is None:
        return ""
    first = history.first_search
    if first is None:
        return markup.section(texts.first_title, markup.paragraph(texts.first_unknown))
    sentences = "".join(f"<li>{escape(sentence)}</li>" for sentence in _sentences(facts, first, messages))
    content = markup.paragraph(texts.first_help) + markup.definitions(_figures(first, messages))
    content += f"<ul>{sentences}</ul>" if sentences else ""
    return markup.section(
        texts.first_title,
        f"{content}<h3>{escape(texts.first_residuals)}</h3>{residual_details(_residuals(first), messages)}",
    )


def _figures(first: Mapping[str, Any], messages: Messages) -> list[tuple[str, str]]:
    texts, summary = messages.history, first.get("summary")
    rows = [(texts.first_made_with, str(first.get("tool") or markup.EMPTY_CELL))]
    if not isinstance(summary, dict):
        return rows
    boxes = summary.get("boxes")
    counts = {
        texts.first_frames: summary.get("frames"),
        texts.first_boxes: sum(boxes.values()) if isinstance(boxes, dict) else None,
        texts.first_blanked: summary.get("blanked"),
    }
    rows += [(name, messages.number(count)) for name, count in counts.items() if type(count) is int]
    return rows


def _sentences(facts: ReportData, first: Mapping[str, Any], messages: Messages) -> list[str]:
    """Return what the first search looked for; empty if its record is of another version."""
    settings = _first_settings(facts.settings, first)
    return search_sentences(replace(facts, settings=settings), messages) if settings else []


def _first_settings(settings: RecordedSettings, first: Mapping[str, Any]) -> RecordedSettings | None:
    try:
        recorded = first["settings"]
        sight, looks = recorded["sight"], recorded["looks"]
        if sight is None or looks is None:
            return None
        video, image = (
            tuple(DetectionScale(**scale) for scale in looks[kind]) for kind in ("video", "picture")
        )
        return replace(
            settings,
            based_on=None,
            threshold=float(recorded["threshold"]),
            video_scales=video,
            image_scales=image,
            detectors=tuple(str(name) for name in sight["detectors"]),
            follow_seconds=float(sight["follow_seconds"]),
        )
    except (KeyError, TypeError, ValueError):
        return None


def _residuals(first: Mapping[str, Any]) -> ResidualSummary | None:
    proof = first.get("proof")
    if not isinstance(proof, dict):
        return None
    try:
        method, counts = (
            {each.name: proof[each.name] for each in fields(kind)} for kind in (CheckMethod, CheckCounts)
        )
        return ResidualSummary(
            CheckMethod(**{**method, "verify": Verify(method["verify"])}), CheckCounts(**counts)
        )
    except (KeyError, TypeError, ValueError):
        return None
