"""Text policy: what is kept, what is covered and by which rule."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.text_policy import (
    Harmless,
    TextMode,
    TextPolicyOptions,
    TextRule,
    parse_keep,
)
from framecloak.domain.anonymization.text_policy.harmless import HarmlessGrammar
from framecloak.domain.anonymization.text_policy.names import NameIndex
from framecloak.domain.anonymization.text_policy.policy import TextPolicy
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.imaging.readings import Reading

ALPHABET = frozenset(map(chr, range(32, 0x180)))


class FakePatterns:
    """Finds one word."""

    def __init__(self, word: str) -> None:
        self.word = word

    def match(self, text: str) -> bool:
        return self.word in text


def policy(
    mode: TextMode = TextMode.IDENTIFYING,
    keep: Iterable[Harmless] = Harmless,
    names: Iterable[str] = (),
    pattern: str | None = None,
) -> TextPolicy:
    return TextPolicy(
        TextPolicyOptions(mode, frozenset(keep)), NameIndex(names), FakePatterns(pattern) if pattern else None
    )


def read(text: str, score: float = 1.0) -> Reading:
    return Reading(text, (score,) * len(text))


def rule(text: str, used: TextPolicy | None = None, score: float = 1.0) -> TextRule:
    return (used or policy()).decide([read(text, score)], ALPHABET).rule


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("120 mm", TextRule.MEASUREMENT),
        ("Depth 12,5 cm", TextRule.MEASUREMENT),
        ("MI 0.8 TI 0.2", TextRule.MEASUREMENT),
        ("MI0.8TI0.2", TextRule.MEASUREMENT),
        ("Zoomx1.5", TextRule.MEASUREMENT),
        ("37.5 °C", TextRule.MEASUREMENT),
        ("120/80 mmHg", TextRule.MEASUREMENT),
        ("12 \N{MULTIPLICATION SIGN} 8 mm", TextRule.MEASUREMENT),
        ("2-5 MHz", TextRule.MEASUREMENT),
        ("80 %", TextRule.MEASUREMENT),
        ("1.5x", TextRule.MEASUREMENT),
        ("HR 72 bpm", TextRule.MEASUREMENT),
        ("Maßstab 1:50", TextRule.MEASUREMENT),
        ("Frame 12345/20000", TextRule.MEASUREMENT),
        ("REC 00:12:34", TextRule.MEASUREMENT),
        ("1 Dist 3.67 cm", TextRule.MEASUREMENT),
        ("1Dist3.67cm", TextRule.MEASUREMENT),
        ("+ Dist 3.67 cm", TextRule.MEASUREMENT),
        ("D2 41.3 mm", TextRule.MEASUREMENT),
        ("2 L 12.5 mm", TextRule.MEASUREMENT),
        ("Vol 51.2 ml", TextRule.MEASUREMENT),
        ("1 Dist", TextRule.UNPROVEN),
        ("D2 41", TextRule.UNPROVEN),
        ("Zimmer 2 L 12", TextRule.UNPROVEN),
        ("5 10 15 20", TextRule.MEASUREMENT),
        ("10:33:05", TextRule.TIME),
        ("12.03.2024 10:33", TextRule.TIME),
        ("OLYMPUS", TextRule.DEVICE),
        ("OL YMPUS", TextRule.DEVICE),
        ("NBI  Zoom x1.5", TextRule.DEVICE),
        ("12.03.1985", TextRule.DATE_OF_BIRTH),
        ("03/12/85", TextRule.DATE_OF_BIRTH),
        ("1985-03-12", TextRule.DATE_OF_BIRTH),
        ("12 März 1985", TextRule.DATE_OF_BIRTH),
        ("MAR 5, 1961", TextRule.DATE_OF_BIRTH),
        ("Geb. 12.03.1985 10:33", TextRule.DATE_OF_BIRTH),
        ("*12.O3.l985", TextRule.DATE_OF_BIRTH),
        ("DOB: 5 May 61", TextRule.DATE_OF_BIRTH),
        ("4111 1111 1111 1111", TextRule.IDENTIFIER),
        ("DE89 3704 0044 0532 0130 00", TextRule.IDENTIFIER),
        ("A123456780", TextRule.IDENTIFIER),
        ("MRN 4711", TextRule.IDENTIFIER),
        ("Fall-Nr. 20240815", TextRule.IDENTIFIER),
        ("20240815", TextRule.DATE_OF_BIRTH),
        ("471108", TextRule.IDENTIFIER),
        ("B-MW 1234", TextRule.IDENTIFIER),
        ("+49 30 1234567", TextRule.CONTACT),
        ("anna.m@web.de", TextRule.CONTACT),
        ("Anna Berger", TextRule.UNPROVEN),
        ("47 M", TextRule.UNPROVEN),
        ("47 J", TextRule.UNPROVEN),
        ("4711", TextRule.UNPROVEN),
        ("72 kg", TextRule.UNPROVEN),
        ("12 mm Berger", TextRule.UNPROVEN),
        ("", TextRule.UNREAD),
    ],
)
def test_each_line_has_the_rule_that_decides(text: str, expected: TextRule) -> None:
    assert rule(text) is expected


@pytest.mark.parametrize(
    "text", ["Mu11er, A.", "MUELLER", "Muller", "A. Müller", "Anna1985", "M ü l l e r", "Mü ller"]
)
def test_a_listed_name_is_found_in_each_spelling(text: str) -> None:
    assert rule(text, policy(names=["Müller, Anna"])) is TextRule.NAME


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Kowalska", "K0walska"),
        ("Y\N{LATIN SMALL LETTER DOTLESS I}ld\N{LATIN SMALL LETTER DOTLESS I}z", "YILDIZ"),
        ("Łukasz", "Lukasz"),
        ("García", "Garcia, J."),
        ("Großmann", "GROSSMANN"),
        ("Bernd", "Bemd"),
        ("Saß", "5ass"),
        ("von der Heide", "Heide"),
        ("Li", "Li, W."),
    ],
)
def test_diacritics_and_reading_errors_do_not_hide_a_name(name: str, text: str) -> None:
    assert rule(text, policy(names=[name])) is TextRule.NAME


@pytest.mark.parametrize("text", ["Limit 12", "Depth 12 cm", "von der"])
def test_a_short_name_or_a_particle_is_not_found_in_other_words(text: str) -> None:
    assert rule(text, policy(names=["Li", "von der Heide"])) is not TextRule.NAME


def test_a_name_that_is_also_a_term_of_a_device_is_covered() -> None:
    assert rule("NBI Zoom x1.5", policy(names=["Zoom"])) is TextRule.NAME


def test_an_entry_of_one_letter_is_refused_and_named_by_its_number() -> None:
    with pytest.raises(InvalidOptionError, match="name 3 of the list has a single letter"):
        NameIndex(["Anna", "", "M."])


def test_empty_lines_are_ignored() -> None:
    assert len(NameIndex(["", "  ", "Anna"])) == 1


def test_a_list_may_be_long_but_not_endless() -> None:
    names = NameIndex(f"Familie{number}x Berg{number}" for number in range(20_000))
    assert names.matches("FAMILIE 777x")
    with pytest.raises(InvalidOptionError, match="more than"):
        NameIndex("Anna" for _ in range(200_001))


def test_what_is_not_read_surely_is_covered() -> None:
    assert rule("120 mm", score=0.7) is TextRule.UNREAD
    assert (
        policy().decide([Reading("120 mm", (1.0, 1.0, 0.3, 1.0, 1.0, 1.0))], ALPHABET).rule is TextRule.UNREAD
    )
    assert policy().decide([read("120 mm")], frozenset("120 ")).rule is TextRule.UNREAD
    assert policy().decide([], ALPHABET).rule is TextRule.UNREAD


def test_a_name_is_found_even_where_it_is_hardly_readable() -> None:
    used = policy(names=["Müller"])
    assert rule("Mu11er", used, score=0.1) is TextRule.NAME
    assert used.decide([read("12 mm"), read("Muller", 0.2)], ALPHABET).rule is TextRule.NAME


def test_times_stay_only_where_they_are_asked_for() -> None:
    assert policy().keeps(rule("10:33"))
    assert not policy(keep=[Harmless.MEASUREMENTS]).keeps(rule("10:33"))
    assert not policy().keeps(rule("12.03.1985"))


def test_the_mode_all_keeps_nothing_and_listed_all_but_the_lists() -> None:
    assert not any(policy(TextMode.ALL).keeps(each) for each in TextRule)
    listed = policy(TextMode.LISTED, names=["Müller"], pattern="ABC")
    assert rule("Muller", listed) is TextRule.NAME
    assert rule("xABCx", listed) is TextRule.LISTED
    assert listed.keeps(rule("anything", listed))


def test_device_terms_are_added_by_an_installation() -> None:
    used = TextPolicy(TextPolicyOptions(TextMode.IDENTIFYING), grammar=HarmlessGrammar(["Röntgen 3"]))
    assert rule("RÖNTGEN 3 80 %", used) is TextRule.DEVICE
    with pytest.raises(InvalidOptionError):
        HarmlessGrammar(["A"])


def test_classes_to_keep_are_parsed() -> None:
    assert parse_keep(["Times", " device "]) == {Harmless.TIMES, Harmless.DEVICE}
    with pytest.raises(InvalidOptionError):
        parse_keep(["names"])


@given(st.text(max_size=60))
def test_only_what_the_grammar_proves_is_kept(text: str) -> None:
    used = policy()
    decided = used.decide([read(text)], ALPHABET)
    if used.keeps(decided.rule):
        assert set(text) <= ALPHABET
        assert HarmlessGrammar().parse(text)


@given(
    st.lists(st.sampled_from(["120 mm", "MI 0.8", "NBI", "10:33:05", "5 10 15"]), min_size=1, max_size=3),
    st.sampled_from(["Anna", "Ng", "47 M", "*1961", "72 kg", "B-MW 1234"]),
    st.data(),
)
def test_a_word_that_proves_nothing_covers_its_line(
    harmless: list[str], word: str, data: st.DataObject
) -> None:
    position = data.draw(st.integers(0, len(harmless)))
    line = " ".join([*harmless[:position], word, *harmless[position:]])
    assert not policy().keeps(rule(line))


@given(
    st.sampled_from(["120 mm", "MI 0.8", "NBI", "10:33:05", "REC 00:12:34", "5 10 15"]),
    st.text(st.characters(categories=["L"], max_codepoint=0x17F), min_size=4, max_size=12),
    st.booleans(),
)
def test_a_listed_name_beside_harmless_text_is_covered(harmless: str, name: str, first: bool) -> None:
    used = policy(names=[name])
    line = f"{name} {harmless}" if first else f"{harmless} {name}"
    assert rule(line, used) is TextRule.NAME


@given(
    st.text(st.sampled_from("abcdefghijklmnopqrstuvwxyzäöüéñłşß"), min_size=7, max_size=14),
    st.data(),
)
def test_one_misread_letter_does_not_hide_a_name(name: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(0, len(name) - 1))
    letter = data.draw(st.sampled_from("abkxtz"))
    used = policy(names=[name])
    assert rule(name, used) is TextRule.NAME
    assert rule(name.upper(), used) is TextRule.NAME
    if max(map(len, name.split("ß"))) == len(name):
        assert rule(name[:position] + letter + name[position + 1 :], used) is TextRule.NAME


@given(st.integers(0, 10**12 - 1))
def test_a_check_digit_is_recognised(number: int) -> None:
    digits = f"{number:012d}"
    total = sum(int(d) * 2 - 9 * (int(d) > 4) for d in digits[-1::-2]) + sum(map(int, digits[-2::-2]))
    assert rule(f"{digits}{-total % 10}") is not TextRule.UNPROVEN
