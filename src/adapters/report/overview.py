"""First sections of a report: summary, counts, timeline and settings."""

from __future__ import annotations

from html import escape

from framecloak.adapters.report import markup
from framecloak.adapters.report.messages import Messages
from framecloak.adapters.report.search import search_sentences
from framecloak.adapters.report.timeline import peak_areas, render_plot, render_ranges
from framecloak.domain.anonymization.identification.log import RecordedIdentities
from framecloak.domain.anonymization.model.identities import IdentityMode
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.anonymization.results.archive_writer import ReportData
from framecloak.domain.imaging.detections import TargetKind
from framecloak.domain.imaging.pixel_aspect import AspectOrigin, format_aspect


def title_section(facts: ReportData, messages: Messages) -> str:
    """Render the title and a summary of the outcome."""
    summary = facts.summary
    template = messages.lead_clean if facts.settings.level is not Level.MINIMAL else messages.lead_minimal
    template = messages.lead_blanked if summary.blanked else template
    if origin := facts.settings.based_on:
        template = messages.lead_rendered[origin.edited]
    text = template.format(
        frames=messages.number(summary.frames),
        blanked=messages.number(summary.blanked),
        boxes=messages.number(summary.boxes.total()),
    )
    css_class = " alert" if summary.blanked else ""
    return f'<h1>{escape(messages.title)}</h1><p class="lead{css_class}">{escape(text)}</p>'


def counts_section(facts: ReportData, messages: Messages) -> str:
    """Render the counts of frames, tracks and boxes of each class."""
    summary, evidence = facts.summary, facts.report_evidence
    by_hand = summary.boxes[Origin.EDITED] + summary.boxes[Origin.MANUAL]
    rows = [
        (messages.frames, summary.frames),
        (messages.tracks, evidence.track_count),
        (messages.faces, summary.faces),
        (messages.inferred, evidence.inferred.total()),
        (messages.regions, summary.boxes[Origin.REGION] + by_hand),
        (messages.blanked, summary.blanked),
    ]
    if facts.settings.level is Level.FULL:
        rows[4:4] = [
            (messages.texts, summary.kinds[TargetKind.TEXT]),
            (messages.plates, summary.kinds[TargetKind.PLATE]),
            (messages.plates_by_shape, evidence.plates_by_shape),
        ]
    return markup.section(
        messages.numbers, markup.definitions((name, messages.number(value)) for name, value in rows)
    )


def timeline_section(facts: ReportData, messages: Messages) -> str:
    """Render the timeline of redacted areas with its legend and axis."""
    timeline = facts.report_evidence.timeline
    if not len(timeline):
        return ""
    kinds = [
        ("found", messages.legend_found),
        ("inferred", messages.legend_inferred),
        ("regions", messages.legend_regions),
        ("blanked", messages.legend_blanked),
    ]
    if facts.settings.level is Level.FULL:
        kinds.insert(2, ("writing", messages.legend_writing))
    legend = "".join(f'<li><i class="{kind}"></i>{escape(name)}</li>' for kind, name in kinds)
    ticks = (0, (len(timeline) - 1) // 2, len(timeline) - 1)
    has_several_sources = len(facts.sources) > 1
    labels = [tick + 1 if has_several_sources else timeline.frame_indices[tick] for tick in ticks]
    axis = "".join(
        f"<span>{escape(messages.one_frame.format(first=messages.number(tick)))}</span>" for tick in labels
    )
    peak = messages.timeline_most.format(most=messages.number(peak_areas(timeline)))
    return markup.section(
        messages.timeline,
        f'<ul class="legend">{legend}</ul><figure style="margin:0">'
        f"{render_plot(timeline, messages.timeline_label)}"
        f'<div class="axis">{axis}</div></figure>'
        f'<p class="note">{escape(messages.timeline_help)} {escape(peak)}.</p>'
        f"{_silent_sound(facts, messages)}",
    )


def _silent_sound(facts: ReportData, messages: Messages) -> str:
    """Render, below the timeline, a strip per video with the ranges in which its sound is silent."""
    strips = []
    for sound in facts.muted:
        muted = sound.muted
        seconds = sum(end - start for start, end in muted.ranges)
        text = messages.silent_sound.format(
            file=sound.file,
            silent=messages.number(round(seconds)),
            total=messages.number(round(muted.duration_seconds)),
        )
        strips.append(
            f'{render_ranges(muted.ranges, muted.duration_seconds, text)}<p class="note">{escape(text)}</p>'
        )
    return "".join(strips)


def settings_section(facts: ReportData, messages: Messages) -> str:
    """Render the settings of the request as a list of sentences."""
    settings = facts.settings
    appearance = settings.appearance
    identities = _identity_sentences(settings.identities, messages)
    scopes = messages.scope_regardless_of_identity if identities else messages.scope_by_level
    sentences = [scopes[settings.level], *identities, messages.styles[appearance.style]]
    if origin := settings.based_on:
        boxes_origin = messages.boxes_from_manifest.format(digest=origin.manifest_sha256)
        sentences[0] = f"{boxes_origin} {messages.signatures[origin.signature]}"
        if identities:
            sentences.insert(1, messages.inherited_identities)
    if settings.threshold is not None:
        sentences += [
            messages.shapes[appearance.shape],
            *search_sentences(facts, messages),
            messages.threshold.format(threshold=messages.number(settings.threshold, 2)),
        ]
    if settings.video_text_and_plates:
        sentences.append(
            messages.search_for_text.format(every=messages.number(settings.video_text_and_plates.every))
        )
    if settings.text_policy:
        sentences.append(messages.text.policies[settings.text_policy.mode])
    if keep_text_count := sum(len(source.keep_text) for source in facts.sources):
        sentences.append(messages.kept_text.format(areas=messages.number(keep_text_count)))
    shapes = (
        messages.pixel_aspects[info.aspect_origin].format(aspect=format_aspect(info.pixel_aspect))
        for info in (source.info for source in facts.sources)
        if info.aspect_origin is not AspectOrigin.SQUARE
    )
    hints = (
        messages.aspect_hint.format(aspect=format_aspect(source.aspect_hint))
        for source in facts.sources
        if source.aspect_hint
    )
    turns = (
        messages.turned_hint.format(degrees=source.turned_hint)
        for source in facts.sources
        if source.turned_hint
    )
    dropped = (
        messages.dropped_video_tracks.format(count=messages.number(source.info.dropped_video_tracks))
        for source in facts.sources
        if source.info.dropped_video_tracks
    )
    sentences += dict.fromkeys([*shapes, *hints, *turns, *dropped])
    quality = (
        markup.EMPTY_CELL
        if appearance.output_format is OutputFormat.PNG
        else messages.number(appearance.quality)
    )
    sentences.append(
        messages.formats[appearance.output_format.is_video].format(
            format=appearance.output_format.upper(), quality=quality
        )
    )
    if settings.encoder:
        sentences.append(messages.hardware_encoder.format(name=settings.encoder.name))
    if appearance.output_format.is_video:
        sentences.append(messages.audio[appearance.audio])
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return markup.section(messages.settings, f"<ul>{items}</ul>")


def _identity_sentences(identities: RecordedIdentities | None, messages: Messages) -> list[str]:
    if identities is None:
        return []
    mode_text = messages.identities[identities.mode].format(
        faces=messages.number(identities.faces), people=identities.people
    )
    evidence_text = messages.identity_evidence.format(
        model=identities.model, threshold=messages.number(identities.threshold, 2)
    )
    if identities.mode is IdentityMode.ONLY:
        return [mode_text, messages.unknown[identities.unknown], evidence_text]
    return [mode_text, evidence_text]
