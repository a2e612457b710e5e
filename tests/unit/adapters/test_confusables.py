"""User names that look alike."""

from __future__ import annotations

from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.adapters.text.confusables import name_skeletons


@pytest.mark.parametrize(
    ("name", "twin"),
    [
        ("ada", "аdа"),  # noqa: RUF001 - Cyrillic
        ("ada", "ａｄａ"),  # noqa: RUF001 - full width
        ("ada", "𝐚𝐝𝐚"),  # noqa: RUF001 - mathematical
        ("ada", "Αda".replace("Α", "ɑ")),  # noqa: RUF001 - Latin alpha
        ("áda", "a\u0301da"),
        ("bill", "bilI"),
        ("bill", "bi1l"),
        ("BILL", "bill"),
        ("burn", "bum"),
        ("ﬁona", "fiona"),
        ("straße", "STRASSE"),
        ("олег", "oлeг"),  # noqa: RUF001
    ],
)
def test_twins_share_a_skeleton(name: str, twin: str) -> None:
    assert name_skeletons(name) & name_skeletons(twin)


@pytest.mark.parametrize(
    ("name", "other"), [("ada", "ida"), ("ada", "adam"), ("müller", "muller"), ("anna", "hanna"), ("a", "b")]
)
def test_different_names_share_none(name: str, other: str) -> None:
    assert not name_skeletons(name) & name_skeletons(other)


@given(st.text(max_size=20))
def test_a_name_looks_like_itself_in_capitals_and_in_every_normal_form(name: str) -> None:
    forms = [normalize(form, name) for form in ("NFC", "NFD", "NFKC", "NFKD")]
    for other in (name, name.upper(), name.casefold(), *forms):
        assert name_skeletons(name) & name_skeletons(other), other
