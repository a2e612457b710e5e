"""Messages of the report on text that was read, in all languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from framecloak.domain.anonymization.model.text_policy import TextMode, TextRule


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMessages:
    """Messages on text that was read; some contain placeholders in braces for `str.format`."""

    policies: Mapping[TextMode, str]
    title: str
    summary: str
    rule: str
    rules: Mapping[TextRule, str]
    was_kept: str
    was_covered: str


ENGLISH_TEXT = TextMessages(
    policies={
        TextMode.IDENTIFYING: ("Text was covered unless it was read surely and provably harmless."),
        TextMode.LISTED: (
            "Only text that matches the given lists was covered. Text that could not be read stayed readable,"
            " and may name people."
        ),
    },
    title="Text",
    summary="{kept} tracks of text stayed readable in at least one frame, and {covered} were covered.",
    rule="Rule",
    rules={
        TextRule.UNREAD: "not read surely",
        TextRule.PARTLY_VISIBLE: "partly visible",
        TextRule.CHANGING: "changing",
        TextRule.NAME: "name",
        TextRule.DATE_OF_BIRTH: "date of birth, or a date that may be one",
        TextRule.IDENTIFIER: "identifier",
        TextRule.CONTACT: "telephone number or e-mail address",
        TextRule.LISTED: "matches a given pattern",
        TextRule.UNPROVEN: "not provably harmless",
        TextRule.MEASUREMENT: "measurement",
        TextRule.TIME: "time",
        TextRule.DEVICE: "device",
        TextRule.UNLISTED: "on no list",
    },
    was_kept="left readable",
    was_covered="covered",
)

GERMAN_TEXT = TextMessages(
    policies={
        TextMode.IDENTIFYING: (
            "Schrift wurde geschwärzt, sofern sie nicht sicher gelesen und nachweislich harmlos war."
        ),
        TextMode.LISTED: (
            "Nur Schrift, die auf den angegebenen Listen steht, wurde geschwärzt. Was nicht gelesen werden"
            " konnte, blieb lesbar und kann Menschen nennen."
        ),
    },
    title="Schrift",
    summary="{kept} Schriftzüge blieben in mindestens einem Bild lesbar, {covered} wurden geschwärzt.",
    rule="Regel",
    rules={
        TextRule.UNREAD: "nicht sicher gelesen",
        TextRule.PARTLY_VISIBLE: "nur teilweise sichtbar",
        TextRule.CHANGING: "wechselnd",
        TextRule.NAME: "Name",
        TextRule.DATE_OF_BIRTH: "Geburtsdatum oder ein Datum, das eines sein kann",
        TextRule.IDENTIFIER: "Kennnummer",
        TextRule.CONTACT: "Telefonnummer oder E-Mail-Adresse",
        TextRule.LISTED: "entspricht einem angegebenen Muster",
        TextRule.UNPROVEN: "nicht nachweislich harmlos",
        TextRule.MEASUREMENT: "Messwert",
        TextRule.TIME: "Uhrzeit",
        TextRule.DEVICE: "Geräteangabe",
        TextRule.UNLISTED: "auf keiner Liste",
    },
    was_kept="blieb lesbar",
    was_covered="geschwärzt",
)
