"""Messages of the report on orders and corrections by hand, in all languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from framecloak.domain.anonymization.model.record.history import Change
from framecloak.domain.anonymization.model.record.provenance import SignatureState


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryMessages:
    """Messages on orders and corrections; some contain placeholders in braces for `str.format`."""

    order_title: str
    order_id: str
    reference: str
    video_title: str
    ordered_by: str
    ordered_at: str
    completed_at: str
    software: str
    title: str
    help: str
    parent: str
    signature: str
    signatures: Mapping[SignatureState, str]
    editor: str
    edited_at: str
    edit_count: str
    edits: str
    change: str
    box: str
    reason: str
    changes: Mapping[Change, str]
    reasons: Mapping[str, str]
    first_title: str
    first_help: str
    first_unknown: str
    first_made_with: str
    first_frames: str
    first_boxes: str
    first_blanked: str
    first_residuals: str
    released: str


ENGLISH_HISTORY = HistoryMessages(
    order_title="Order",
    order_id="Order id",
    reference="Reference",
    video_title="Video",
    ordered_by="Ordered by",
    ordered_at="Ordered at (UTC)",
    completed_at="Completed at (UTC)",
    software="Made with",
    title="Corrections by hand",
    help="This result was made from another one, which people corrected. Each row is one correction.",
    parent="Corrected result (SHA-256 of its manifest)",
    signature="Signature",
    signatures={
        SignatureState.GENUINE: "valid",
        SignatureState.CHANGED: "valid for an earlier version",
        SignatureState.FOREIGN: "by another installation",
        SignatureState.BAD: "invalid",
        SignatureState.NONE: "none",
    },
    editor="Corrected by",
    edited_at="Time (UTC)",
    edit_count="Changes",
    edits="Changes, the latest correction first",
    change="Change",
    box="Left, top, right, bottom",
    reason="Reason",
    changes={
        Change.ADDED: "covered",
        Change.REMOVED: "uncovered",
        Change.BLANKED: "frame made black",
        Change.SHOWN: "frame shown again",
    },
    reasons={
        "missed": "something was missed",
        "not_identifying": "identifies no person",
        "inaccurate": "place or size was wrong",
        "consent": "the person agreed",
        "other": "other reason",
    },
    first_title="First search",
    first_help=(
        "The boxes were found when the first result was made. These are the figures of that search and "
        "of its check; the check of this result follows below."
    ),
    first_unknown="The first result carries no figures of its search.",
    first_made_with="Made with",
    first_frames="Frames",
    first_boxes="Areas redacted",
    first_blanked="Black frames",
    first_residuals="Check of the first result",
    released=(
        "Frames in which faces were uncovered by hand, with a reason: {frames}. The check of this result "
        "leaves those places alone."
    ),
)
GERMAN_HISTORY = HistoryMessages(
    order_title="Auftrag",
    order_id="Auftragsnummer",
    reference="Referenz",
    video_title="Video",
    ordered_by="Beauftragt von",
    ordered_at="Beauftragt am (UTC)",
    completed_at="Fertiggestellt am (UTC)",
    software="Erstellt mit",
    title="Korrekturen von Hand",
    help=(
        "Dieses Ergebnis ist aus einem anderen entstanden, das von Menschen korrigiert wurde. Jede Zeile "
        "ist eine Korrektur."
    ),
    parent="Korrigiertes Ergebnis (SHA-256-Wert seines Manifests)",
    signature="Signatur",
    signatures={
        SignatureState.GENUINE: "gültig",
        SignatureState.CHANGED: "gültig für eine frühere Fassung",
        SignatureState.FOREIGN: "von einer anderen Installation",
        SignatureState.BAD: "ungültig",
        SignatureState.NONE: "keine",
    },
    editor="Korrigiert von",
    edited_at="Zeitpunkt (UTC)",
    edit_count="Änderungen",
    edits="Änderungen, die jüngste Korrektur zuerst",
    change="Änderung",
    box="Links, oben, rechts, unten",
    reason="Grund",
    changes={
        Change.ADDED: "verdeckt",
        Change.REMOVED: "aufgedeckt",
        Change.BLANKED: "Bild geschwärzt",
        Change.SHOWN: "Bild wieder gezeigt",
    },
    reasons={
        "missed": "etwas wurde übersehen",
        "not_identifying": "zeigt keine Person",
        "inaccurate": "Lage oder Größe war falsch",
        "consent": "Person hat eingewilligt",
        "other": "anderer Grund",
    },
    first_title="Erste Suche",
    first_help=(
        "Die Bereiche wurden gefunden, als das erste Ergebnis entstand. Dies sind die Zahlen jener Suche "
        "und ihrer Prüfung; die Prüfung dieses Ergebnisses folgt weiter unten."
    ),
    first_unknown="Das erste Ergebnis enthält keine Zahlen zu seiner Suche.",
    first_made_with="Erstellt mit",
    first_frames="Bilder",
    first_boxes="Unkenntlich gemachte Bereiche",
    first_blanked="Schwarze Bilder",
    first_residuals="Prüfung des ersten Ergebnisses",
    released=(
        "Bilder, in denen Gesichter mit Angabe eines Grundes von Hand aufgedeckt wurden: {frames}. Die "
        "Prüfung dieses Ergebnisses lässt diese Stellen unverändert."
    ),
)
