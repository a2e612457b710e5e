"""Titles and tags of videos."""

from __future__ import annotations

import pytest

from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.videos.descriptions import MAX_TAG_LENGTH, MAX_TITLE_LENGTH, clean_tags, clean_title

TURNED = "\N{RIGHT-TO-LEFT OVERRIDE}"
HIDDEN = "\N{ZERO WIDTH SPACE}"


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("  Theatre\t1,\n07.30 ", "Theatre 1, 07.30"),
        (f"Theatre {TURNED}1 exe.4pm", "Theatre 1 exe.4pm"),
        (f"{HIDDEN} \0{TURNED}", None),
        (f"Ward {HIDDEN} 3", "Ward 3"),
        ("Kühlraum 日本語 😀", "Kühlraum 日本語 😀"),
        ("x" * MAX_TITLE_LENGTH, "x" * MAX_TITLE_LENGTH),
    ],
)
def test_titles_are_one_visible_line(text: str, title: str | None) -> None:
    assert clean_title(text) == title


def test_tags_that_look_alike_are_one() -> None:
    assert clean_tags([f"Ward{HIDDEN} 3", "ward 3", TURNED, "A"]) == ("A", "ward 3")


def test_long_texts_are_refused() -> None:
    with pytest.raises(InvalidOptionError, match="the title has more than 200 characters"):
        clean_title("x" * (MAX_TITLE_LENGTH + 1))
    with pytest.raises(InvalidOptionError, match="a tag has more than 40 characters"):
        clean_tags(["x" * (MAX_TAG_LENGTH + 1)])
