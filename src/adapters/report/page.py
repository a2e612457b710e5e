"""Writes the report."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from functools import cache
from html import escape
from importlib.resources import files

from adapters.report.english import ENGLISH
from adapters.report.german import GERMAN
from adapters.report.pieces import listed, paragraph, section, table
from adapters.report.timeline import highest, plot
from adapters.report.words import Words
from domain.anonymization.evidence import TrackEvidence
from domain.anonymization.identities import IdentityMode
from domain.anonymization.identity_log import RecordedIdentities
from domain.anonymization.manifest import RecordedSource
from domain.anonymization.proof import Proof
from domain.anonymization.record import ReportFacts
from domain.anonymization.request import Language, Level, OutputFormat
from domain.anonymization.tracking import Origin
from domain.detection import Kind

LISTED = 200
"""Sources, runs of black frames and films that are named one by one; the manifest names all."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_NONE = "-"
_LANGUAGES = {Language.ENGLISH: ENGLISH, Language.GERMAN: GERMAN}


def report(facts: ReportFacts) -> bytes:
    """The whole page, in the language of the settings; the same facts give the same bytes."""
    words = _LANGUAGES[facts.settings.appearance.language]
    body = "".join(
        (
            _opening(facts, words),
            _numbers(facts, words),
            _timeline(facts, words),
            _settings(facts, words),
            _people(facts, words),
            _proof(facts.proof, words),
            _blanks(facts, words),
            _gaps(facts, words),
            _weakest(facts, words),
            _sources(facts, words),
            _films(facts, words),
            _models(facts, words),
            _check(facts, words),
        )
    )
    page = (
        f'<!doctype html><html lang="{words.language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>{escape(words.title)}</title><style>{_style()}</style></head><body>{body}"
        f"<footer>{escape(words.made_with.format(tool=facts.tool))}</footer></body></html>\n"
    )
    # Names of files may hold bytes that are no UTF-8.
    return page.encode(errors="replace")


@cache
def _style() -> str:
    return files("adapters.report").joinpath("style.css").read_text("utf-8")


def _opening(facts: ReportFacts, words: Words) -> str:
    summary = facts.summary
    lead = words.lead_clean if facts.settings.level is not Level.MINIMAL else words.lead_minimal
    lead = words.lead_rendered if facts.settings.based_on else lead
    lead = words.lead_blanked if summary.blanked and not facts.settings.based_on else lead
    text = lead.format(
        frames=words.number(summary.frames),
        blanked=words.number(summary.blanked),
        boxes=words.number(summary.boxes.total()),
    )
    alert = " alert" if summary.blanked else ""
    return f'<h1>{escape(words.title)}</h1><p class="lead{alert}">{escape(text)}</p>'


def _numbers(facts: ReportFacts, words: Words) -> str:
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
    return section(words.numbers, listed((name, words.number(value)) for name, value in rows))


def _timeline(facts: ReportFacts, words: Words) -> str:
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
    marks = (0, (len(timeline) - 1) // 2, len(timeline) - 1)
    several = len(facts.sources) > 1
    shown = [mark + 1 if several else timeline.positions[mark] for mark in marks]
    axis = "".join(
        f"<span>{escape(words.one_frame.format(first=words.number(mark)))}</span>" for mark in shown
    )
    most = words.timeline_most.format(most=words.number(highest(timeline)))
    return section(
        words.timeline,
        f'<ul class="legend">{legend}</ul><figure style="margin:0">{plot(timeline, words.timeline_label)}'
        f'<div class="axis">{axis}</div></figure>'
        f'<p class="note">{escape(words.timeline_help)} {escape(most)}.</p>',
    )


def _settings(facts: ReportFacts, words: Words) -> str:
    settings = facts.settings
    look = settings.appearance
    people = _identities(settings.identities, words)
    whose = words.whoever if people else words.levels
    sentences = [whose[settings.level], *people, words.styles[look.style]]
    if origin := settings.based_on:
        rendered = words.rendered.format(digest=origin.manifest_sha256)
        sentences[0] = f"{rendered} {words.signatures[origin.signature]}"
    if settings.threshold is not None:
        sentences += [
            words.shapes[look.shape],
            words.looked,
            words.threshold.format(threshold=words.number(settings.threshold, 2)),
        ]
    if settings.video_areas:
        sentences.append(words.looked_for_text.format(every=words.number(settings.video_areas.every)))
    if kept := sum(len(source.keep_text) for source in facts.sources):
        sentences.append(words.kept_text.format(areas=words.number(kept)))
    quality = _NONE if look.output_format is OutputFormat.PNG else words.number(look.quality)
    sentences.append(
        words.formats[look.output_format.is_film].format(format=look.output_format.upper(), quality=quality)
    )
    if look.output_format.is_film:
        sentences.append(words.audio[look.audio])
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return section(words.settings, f"<ul>{items}</ul>")


def _identities(identities: RecordedIdentities | None, words: Words) -> list[str]:
    if identities is None:
        return []
    whose = words.identities[identities.mode].format(
        faces=words.number(identities.faces), people=identities.people
    )
    how = words.identity_evidence.format(
        model=identities.model, threshold=words.number(identities.threshold, 2)
    )
    if identities.mode is IdentityMode.ONLY:
        return [whose, words.unknown[identities.unknown], how]
    return [whose, how]


def _people(facts: ReportFacts, words: Words) -> str:
    """Who was kept comes first: that is what has to be looked at."""
    if facts.settings.identities is None:
        return ""
    people = facts.people
    runs = sorted(people.runs(), key=lambda run: run.redacted)
    if not runs:
        return section(words.people, paragraph(words.no_people_decided))
    rows = [
        (
            words.number(run.track),
            _source_name(facts, words, run.source),
            _frames(words, run.start, run.stop),
            words.decisions[run.decision],
            _NONE if run.similarity is None else words.number(run.similarity, 2),
            words.number(len(run.views)),
            words.was_redacted if run.redacted else words.was_kept,
        )
        for run in runs[:LISTED]
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
    return section(words.people, paragraph(text) + table(names, rows) + _more(words, len(runs) - len(rows)))


def _proof(proof: Proof | None, words: Words) -> str:
    if proof is None:
        return section(words.proof, paragraph(words.no_proof))

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
    how = f"{words.searched[method.verify]} {words.proof_help}"
    return section(words.proof, paragraph(how) + paragraph(compared) + listed(rows))


def _blanks(facts: ReportFacts, words: Words) -> str:
    blanks = facts.evidence.blanks
    if not blanks:
        return section(words.blanks, paragraph(words.no_blanks))
    rows = [
        (_source_name(facts, words, blank.source), _frames(words, blank.start, blank.stop))
        for blank in blanks[:LISTED]
    ]
    shown = table((words.source, words.where), rows)
    return section(words.blanks, paragraph(words.some_blanks) + shown + _more(words, len(blanks) - len(rows)))


def _gaps(facts: ReportFacts, words: Words) -> str:
    evidence = facts.evidence
    filled = evidence.inferred[Origin.FILLED]
    if not evidence.gaps:
        return section(words.gaps, paragraph(words.no_gaps))
    text = words.some_gaps.format(count=words.number(evidence.gaps), frames=words.number(filled))
    rows = [
        (
            _source_name(facts, words, gap.source),
            words.number(gap.track),
            _frames(words, gap.start, gap.start + gap.length),
            words.number(gap.length),
        )
        for gap in evidence.longest_gaps()
    ]
    shown = table((words.source, words.track, words.where, words.length), rows, numbers={3})
    return section(words.gaps, paragraph(text) + shown)


def _weakest(facts: ReportFacts, words: Words) -> str:
    if facts.settings.based_on:
        return ""
    if facts.settings.threshold is None or not facts.evidence.tracks:
        return section(words.weakest, paragraph(words.no_tracks))
    weakest = facts.evidence.weakest_tracks()
    rows = [
        (
            _source_name(facts, words, one.source),
            words.number(one.track),
            _frames(words, one.first, one.last + 1),
            words.number(one.best_score, 2),
            words.number(one.seen),
            words.number(one.frames),
        )
        for one in weakest
    ]
    heads = (words.source, words.track, words.where, words.best_score, words.seen, words.redacted)
    shown = table(heads, rows, numbers={3, 4, 5})
    return section(words.weakest, paragraph(words.weakest_help) + shown + _thumbnails(facts, words, weakest))


def _thumbnails(facts: ReportFacts, words: Words, tracks: Iterable[TrackEvidence]) -> str:
    """Small pictures out of the redacted frames, inside the page itself."""
    figures = "".join(
        f'<figure><img alt="{escape(_track(facts, words, one))}" '
        f'src="data:image/jpeg;base64,{b64encode(one.thumbnail).decode()}">'
        f"<figcaption>{escape(_track(facts, words, one))}</figcaption></figure>"
        for one in tracks
        if one.thumbnail is not None
    )
    note = f'<p class="note">{escape(words.thumbnails_help)}</p>'
    return f'<div class="thumbnails">{figures}</div>{note}' if figures else ""


def _track(facts: ReportFacts, words: Words, one: TrackEvidence) -> str:
    """What a track is called; those of several sources have the same numbers."""
    track = f"{words.track} {words.number(one.track)}"
    return track if len(facts.sources) == 1 else f"{words.source} {words.number(one.source)}, {track}"


def _sources(facts: ReportFacts, words: Words) -> str:
    rows = [_source_row(facts, words, one) for one in facts.sources[:LISTED]]
    heads = (words.source, words.size, words.rate, words.written, words.marked, words.digest)
    shown = table(heads, rows, numbers={2, 4}, code={5})
    return section(words.sources, shown + _more(words, len(facts.sources) - len(rows)))


def _source_row(facts: ReportFacts, words: Words, source: RecordedSource) -> tuple[str, ...]:
    info = source.info
    whole = sum(len(segment) for segment in source.segments) == info.frame_count
    written = "; ".join(_frames(words, one.start_frame, one.end_frame) for one in source.segments[:20])
    if not info.continuous:
        written = words.picture
    elif whole:
        written = words.whole_source.format(count=words.number(info.frame_count))
    return (
        _source_name(facts, words, source.id),
        f"{info.width} x {info.height}",
        words.number(info.frame_rate, 2) if info.continuous else _NONE,
        written,
        words.number(len(source.regions)),
        source.sha256,
    )


def _films(facts: ReportFacts, words: Words) -> str:
    if not facts.files:
        return ""
    rows = [(one.file, one.sha256) for one in facts.files[:LISTED]]
    shown = table((words.film, words.digest), rows, code={1})
    return section(words.films, shown + _more(words, len(facts.files) - len(rows)))


def _models(facts: ReportFacts, words: Words) -> str:
    if not facts.models:
        return section(words.models, paragraph(words.no_models))
    rows = [(one.name, one.licence, f"{one.provider}, {one.precision}", one.sha256) for one in facts.models]
    return section(
        words.models, table((words.model, words.licence, words.runs_on, words.digest), rows, code={3})
    )


def _check(facts: ReportFacts, words: Words) -> str:
    # The steps are this program's own text and hold markup.
    steps = "".join(f"<li>{step}</li>" for step in words.check_steps)
    key = f"<p>{escape(words.key)}: <code>{escape(facts.key_id)}</code> (Ed25519)</p>"
    check = section(words.check, f"{paragraph(words.check_help)}{key}<ol>{steps}</ol>")
    return check + section(words.limits, paragraph(words.limits_help))


def _source_name(facts: ReportFacts, words: Words, number: int) -> str:
    name = facts.sources[number].name
    return words.number(number) if name is None else f"{number}: {name}"


def _frames(words: Words, start: int, stop: int) -> str:
    text = words.one_frame if stop == start + 1 else words.frame_range
    return text.format(first=words.number(start), last=words.number(stop - 1))


def _more(words: Words, count: int) -> str:
    return paragraph(words.more.format(count=words.number(count))) if count > 0 else ""
