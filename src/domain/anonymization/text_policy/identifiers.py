"""Dates of birth, identifiers and contacts in text, in the formats of Europe and the US."""

from __future__ import annotations

import re

from framecloak.domain.anonymization.model.text_policy import TextRule
from framecloak.domain.anonymization.text_policy.folding import fold, normalized, with_digits

_MONTHS = (
    r"jan\w*|feb\w*|m[aä]r\w*|mar\w*|apr\w*|avr\w*|abr\w*|ma[iyj]\w*|jun\w*|juin\w*|jul\w*|juil\w*|aug\w*"
    r"|ao[uû]t|ago\w*|sep\w*|o[kc]t\w*|nov\w*|de[zc]\w*|d[eé]c\w*|ene\w*|dic\w*"
    r"|stycz\w*|lut\w*|kwie\w*|czerw\w*|lip\w*|sierp\w*|wrze\w*|pa[zź]dz\w*|list\w*|grud\w*"
    r"|oca\w*|[sş]ub\w*|nis\w*|haz\w*|tem\w*|eyl\w*|eki\w*|kas\w*|ara\w*"
)
_DATE = re.compile(
    r"(?<!\d)(?:"
    r"\d{1,2} ?(?P<first>[./\-]) ?\d{1,2} ?(?P=first) ?(?:\d{4}|\d{2})"
    r"|\d{4} ?(?P<then>[./\-]) ?\d{1,2} ?(?P=then) ?\d{1,2}"
    rf"|\d{{1,2}}[. \-]{{0,2}}(?:{_MONTHS})[. ,\-]{{0,2}}(?:\d{{4}}|'?\d{{2}})"
    rf"|(?:{_MONTHS})[. ]{{0,2}}\d{{1,2}}(?:st|nd|rd|th)?,? {{0,2}}\d{{4}}"
    r"|(?<!\d )\d{1,2} \d{1,2} (?:19|20)?\d{2}(?! \d)"
    r"|(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])"
    r")(?!\d)",
    re.IGNORECASE,
)
_BIRTH = re.compile(
    r"\b(?:geb|geboren\w*|geburt\w*|gebdat\w*|dob|d\.o\.b|birth\w*|born|bday|ne|nee|naissance|nacim\w*|nacid[oa]"
    r"|f\.?nac|ur|urodz\w*|dogum\w*|d\.?tarihi|ddn)(?:\b|(?=\d))|\*(?= ?\d)"
)
_CLOCK = re.compile(
    r"(?<!\d)\d{1,2} ?[:.h] ?[0-5]\d(?: ?[:.] ?[0-5]\d(?:[.,]\d{1,3})?)?(?!\d)", re.IGNORECASE
)
_EMAIL = re.compile(r"[\w.+\-]{1,64} ?(?:@|\(at\)|\[at\]) ?[\w\-]{1,63}[.,][\w\-.]{2,63}", re.IGNORECASE)
_PHONE = re.compile(
    r"(?:\+|00)\d{1,3}[ \-/.()]*\d[\d \-/.()]{5,}|(?<![\d.,:])\(?0\d{2,5}\)?[ \-/]+\d[\d \-/]{4,}"
)
_LABELLED = re.compile(
    r"\b(?:pat(?:ient)?(?:en)?(?:[ .\-]?(?:id|nr|no|num\w*))?|pid|mrn|fall(?:[ .\-]?nr)?|case|aufn\w*"
    r"|acc(?:ession)?|study ?id|exam ?id|id|vers(?:icherten)?[ .\-]?nr|kvnr|ssn|nhs|nir|pesel|dni|nie"
    r"|tc(?: ?kimlik)?|fiz|ref)[ .:#\-]{0,3}(?:nr|no|num)?[ .:#\-]{0,3}(?=\w*\d)\w{2,}"
)
_PLATE = re.compile(r"(?<!\w)[A-ZÄÖÜ]{1,3}[ \-:•]{1,3}[A-Z]{1,2} ?[ \-]?\d{1,4} ?[EH]?(?!\w)")
_LONG_NUMBER = re.compile(r"\d{5,}")
_GROUPED = re.compile(r"(?<!\d)\d(?:[ \-]?\d){11,18}(?!\d)")
_IBAN = re.compile(r"(?<![A-Z0-9])[A-Z]{2}\d{2}(?: ?[A-Z0-9]){11,30}(?![A-Z0-9])")
_HEALTH_INSURANCE = re.compile(r"(?<![A-Z0-9])[A-Z] ?\d{3} ?\d{3} ?\d{3}(?![0-9])")


def identifying_rule(text: str) -> TextRule | None:
    """Return the rule by which a text identifies a person; None if it does by none of these.

    Args:
        text: a line as it was read; letters in words that are mostly digits are taken for misread digits.
    """
    plain = normalized(text)
    for variant in {plain, with_digits(plain)}:
        if rule := _rule(variant):
            return rule
    return None


def looks_like_identifier(text: str) -> bool:
    """Return whether a text that nothing proves harmless looks like a number of a person or a vehicle."""
    plain = normalized(text)
    return bool(_PLATE.search(plain) or _LONG_NUMBER.search(plain) or _LONG_NUMBER.search(with_digits(plain)))


def without_times(text: str) -> tuple[str, bool]:
    """Return a normalised text without dates and clock times, and whether those are of an examination.

    A date alone may be a date of birth, so it proves nothing; one beside a clock time is that of a recording.
    """
    without_dates, dates = _DATE.subn(" ", text)
    rest, clocks = _CLOCK.subn(" ", without_dates)
    return " ".join(rest.split()), clocks > 0 or not dates


def _rule(text: str) -> TextRule | None:
    if _BIRTH.search(fold(text)):
        return TextRule.DATE_OF_BIRTH
    if (
        any(has_luhn_digit(_digits(match[0])) for match in _GROUPED.finditer(text))
        or any(is_iban(match[0]) for match in _IBAN.finditer(text.upper()))
        or any(is_health_insurance_number(match[0]) for match in _HEALTH_INSURANCE.finditer(text.upper()))
        or _LABELLED.search(fold(text))
    ):
        return TextRule.IDENTIFIER
    if _EMAIL.search(text) or _has_phone_number(text):
        return TextRule.CONTACT
    without_dates = _DATE.sub(" ", text)
    if without_dates != text and not _CLOCK.search(without_dates):
        return TextRule.DATE_OF_BIRTH
    return None


def _has_phone_number(text: str) -> bool:
    return any(len(_digits(match[0])) >= 7 for match in _PHONE.finditer(text))


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def has_luhn_digit(digits: str) -> bool:
    """Return whether the last of 12 to 19 digits is the check digit of the others (ISO/IEC 7812-1)."""
    if not 12 <= len(digits) <= 19:
        return False
    values = [int(digit) for digit in reversed(digits)]
    doubled = sum(2 * value - 9 * (value > 4) for value in values[1::2])
    return (sum(values[::2]) + doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """Return whether a text is an account number with valid check digits (ISO 13616); spaces do not count."""
    compact = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}", compact):
        return False
    return int("".join(str(int(character, 36)) for character in compact[4:] + compact[:4])) % 97 == 1


def is_health_insurance_number(text: str) -> bool:
    """Return whether a text is a German health insurance number with its check digit."""
    compact = text.replace(" ", "").upper()
    if not re.fullmatch(r"[A-Z]\d{9}", compact):
        return False
    digits = f"{ord(compact[0]) - ord('A') + 1:02d}{compact[1:9]}"
    weighted = (int(digit) * (1 + position % 2) for position, digit in enumerate(digits))
    return sum(value // 10 + value % 10 for value in weighted) % 10 == int(compact[9])
