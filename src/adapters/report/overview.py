"""First sections of a report: summary, counts, timeline and settings."""

from __future__ import annotations

from html import escape

from framecloak.adapters.report import markup
from framecloak.adapters.report.timeline import highest, plot
from framecloak.adapters.report.words import Words
from framecloak.domain.anonymization.identification.log import RecordedIdentities
from framecloak.domain.anonymization.model.boxes import Origin
from framecloak.domain.anonymization.model.identities import IdentityMode
from framecloak.domain.anonymization.model.options import Level, OutputFormat
from framecloak.domain.anonymization.results.archive_writer import ReportFacts
from framecloak.domain.imaging.detections import Kind


def opening(facts: ReportFacts, words: Words) -> str:
    """Render the title and a summary of the outcome."""
    summary = facts.summary
    template = words.lead_clean if facts.settings.level is not Level.MINIMAL else words.lead_minimal
    template = words.lead_blanked if summary.blanked else template
    if origin := facts.settings.based_on:
        template = words.lead_rendered[origin.edited]
    text = template.format(
        frames=words.number(summary.frames),
        blanked=words.number(summary.blanked),
        boxes=words.number(summary.boxes.total()),
    )
    css_class = " alert" if summary.blanked else ""
    return f'<h1>{escape(words.title)}</h1><p class="lead{css_class}">{escape(text)}</p>'


def numbers(facts: ReportFacts, words: Words) -> str:
    """Render the counts of frames, tracks and boxes of each class."""
    summary, evidence = facts.summary, facts.evidence
    by_hand = summary.boxes[Origin.EDITED] + summary.boxes[Origin.MANUAL]
    rows = [
        (words.frames, summary.frames),
        (words.tracks, evidence.tracks),
        (words.faces, summary.faces),
        (words.inferred, evidence.inferred.total()),
        (words.regions, summary.boxes[Origin.REGION] + by_hand),
        (words.blanked, summary.blanked),
    ]
    if facts.settings.level is Level.FULL:
        rows[4:4] = [
            (words.texts, summary.kinds[Kind.TEXT]),
            (words.plates, summary.kinds[Kind.PLATE]),
            (words.plates_by_shape, evidence.plates_by_shape),
        ]
    return markup.section(
        words.numbers, markup.definitions((name, words.number(value)) for name, value in rows)
    )


def over_time(facts: ReportFacts, words: Words) -> str:
    """Render the timeline of redacted areas with its legend and axis."""
    timeline = facts.evidence.timeline
    if not len(timeline):
        return ""
    kinds = [
        ("found", words.legend_found),
        ("inferred", words.legend_inferred),
        ("regions", words.legend_regions),
        ("blanked", words.legend_blanked),
    ]
    if facts.settings.level is Level.FULL:
        kinds.insert(2, ("writing", words.legend_writing))
    legend = "".join(f'<li><i class="{kind}"></i>{escape(name)}</li>' for kind, name in kinds)
    ticks = (0, (len(timeline) - 1) // 2, len(timeline) - 1)
    has_several_sources = len(facts.sources) > 1
    labels = [tick + 1 if has_several_sources else timeline.positions[tick] for tick in ticks]
    axis = "".join(
        f"<span>{escape(words.one_frame.format(first=words.number(tick)))}</span>" for tick in labels
    )
    peak = words.timeline_most.format(most=words.number(highest(timeline)))
    return markup.section(
        words.timeline,
        f'<ul class="legend">{legend}</ul><figure style="margin:0">{plot(timeline, words.timeline_label)}'
        f'<div class="axis">{axis}</div></figure>'
        f'<p class="note">{escape(words.timeline_help)} {escape(peak)}.</p>',
    )


def chosen(facts: ReportFacts, words: Words) -> str:
    """Render the settings of the request as a list of sentences."""
    settings = facts.settings
    appearance = settings.appearance
    identities = _identities(settings.identities, words)
    scopes = words.whoever if identities else words.levels
    sentences = [scopes[settings.level], *identities, words.styles[appearance.style]]
    if origin := settings.based_on:
        boxes_origin = words.rendered.format(digest=origin.manifest_sha256)
        sentences[0] = f"{boxes_origin} {words.signatures[origin.signature]}"
        if identities:
            sentences.insert(1, words.rendered_people)
    if settings.threshold is not None:
        sentences += [
            words.shapes[appearance.shape],
            words.looked,
            words.threshold.format(threshold=words.number(settings.threshold, 2)),
        ]
    if settings.video_areas:
        sentences.append(words.looked_for_text.format(every=words.number(settings.video_areas.every)))
    if keep_text_count := sum(len(source.keep_text) for source in facts.sources):
        sentences.append(words.kept_text.format(areas=words.number(keep_text_count)))
    quality = (
        markup.NONE if appearance.output_format is OutputFormat.PNG else words.number(appearance.quality)
    )
    sentences.append(
        words.formats[appearance.output_format.is_film].format(
            format=appearance.output_format.upper(), quality=quality
        )
    )
    if appearance.output_format.is_film:
        sentences.append(words.audio[appearance.audio])
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return markup.section(words.settings, f"<ul>{items}</ul>")


def _identities(identities: RecordedIdentities | None, words: Words) -> list[str]:
    if identities is None:
        return []
    mode_text = words.identities[identities.mode].format(
        faces=words.number(identities.faces), people=identities.people
    )
    evidence_text = words.identity_evidence.format(
        model=identities.model, threshold=words.number(identities.threshold, 2)
    )
    if identities.mode is IdentityMode.ONLY:
        return [mode_text, words.unknown[identities.unknown], evidence_text]
    return [mode_text, evidence_text]
