"""Folding of text to forms in which spelling variants and reading errors are equal."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = str.maketrans(
    {
        "ß": "ss",
        "ẞ": "ss",
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "\N{LATIN SMALL LETTER DOTLESS I}": "i",
        "ŋ": "n",
    }
)
"""Letters that Unicode does not decompose."""

_UMLAUTS = re.compile(r"([aou])e")
"""Umlauts written as two letters; they are folded like those written without their dots."""

_SHAPES = (
    ("rn", "m"),
    ("vv", "w"),
    ("cl", "d"),
    ("0", "o"),
    ("1", "i"),
    ("l", "i"),
    ("|", "i"),
    ("!", "i"),
    ("5", "s"),
    ("$", "s"),
    ("8", "b"),
    ("2", "z"),
    ("6", "g"),
    ("9", "g"),
)
"""Characters and pairs that readers take for each other, with the form that stands for all of them."""

_DIGITS = str.maketrans("OoQDIl|!iSsBZz", "00001111155822")
"""Letters that readers take for digits."""

_MOSTLY = 0.5
"""Share of digits in a word from which on its letters are taken for misread digits."""

_SYMBOLS = str.maketrans({"\N{MULTIPLICATION SIGN}": "x", "\N{GREEK SMALL LETTER MU}": "u"})
_DASHES = re.compile(r"[\u2010-\u2015\u2212]")
_WORD = re.compile(r"[^\s]+")


def normalized(text: str) -> str:
    """Return text in compatibility form, with one kind of dash, cross and space, and without ends."""
    text = _DASHES.sub("-", unicodedata.normalize("NFKC", text).translate(_SYMBOLS))
    return re.sub(r"\s+", " ", text).strip()


def fold(text: str) -> str:
    """Return text in lower case without diacritics; an umlaut equals both of its spellings without dots."""
    text = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    decomposed = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in decomposed if not unicodedata.combining(character))
    return _UMLAUTS.sub(r"\1", plain)


def skeleton(text: str) -> str:
    """Return folded text in which characters that readers take for each other are equal."""
    text = fold(text)
    for seen, meant in _SHAPES:
        text = text.replace(seen, meant)
    # These pairs may be complete only now: "c1" has become "ci", and "0e" has become "oe".
    return _UMLAUTS.sub(r"\1", text.replace("ci", "d"))


def word_forms(word: str) -> set[str]:
    """Return the forms in which a word is compared.

    A reader may take a pair of letters for one, which the skeleton allows for, or misread one letter of such
    a pair, which changes the skeleton more than the word.
    """
    return {fold(word), skeleton(word)}


def words(text: str) -> list[str]:
    """Return the words of a text: runs of letters and digits, without punctuation."""
    return [word for word in re.split(r"[\W_]+", unicodedata.normalize("NFKC", text)) if word]


def with_digits(text: str) -> str:
    """Return text in which letters of words that are mostly digits are replaced by digits."""

    def repaired(match: re.Match[str]) -> str:
        word = match[0]
        letters_and_digits = [character for character in word if character.isalnum()]
        digits = sum(character.isdigit() for character in letters_and_digits)
        return word.translate(_DIGITS) if digits > _MOSTLY * len(letters_and_digits) else word

    return _WORD.sub(repaired, text)
