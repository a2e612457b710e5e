"""History of corrected results: its form in manifests, and the faces that reviewers uncovered."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.domain.anonymization.model.options import Verify
from framecloak.domain.anonymization.model.record.history import BoxEdit, Change, Correction, History
from framecloak.domain.anonymization.model.record.provenance import SignatureState
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.domain.imaging.detections import TargetKind

FACE = (10, 10, 30, 40)
COUNTS = st.integers(0, 2**31 - 1)
TEXTS = st.none() | st.text(st.characters(codec="utf-8"), max_size=8)
BOXES = st.tuples(
    st.tuples(COUNTS, COUNTS, COUNTS, COUNTS),
    st.none() | st.sampled_from(TargetKind),
    st.none() | COUNTS,
    st.sampled_from(Origin),
)


@st.composite
def edits(draw: st.DrawFn) -> BoxEdit:
    change, reason = draw(st.sampled_from(Change)), draw(TEXTS)
    if change in {Change.BLANKED, Change.SHOWN}:
        return BoxEdit(draw(COUNTS), change, reason=reason)
    return BoxEdit(draw(COUNTS), change, *draw(BOXES), reason)


CORRECTIONS = st.builds(
    Correction,
    st.just("ab" * 32),
    st.sampled_from(SignatureState),
    st.none() | st.just({"key_id": "1"}),
    TEXTS,
    TEXTS,
    TEXTS,
    st.lists(edits(), max_size=3).map(tuple),
)


def removed(reason: str | None = "not_identifying", kind: TargetKind | None = TargetKind.FACE) -> BoxEdit:
    return BoxEdit(7, Change.REMOVED, FACE, kind, 1, Origin.DETECTED, reason)


def added(*xyxy: int) -> BoxEdit:
    x1, y1, x2, y2 = xyxy
    return BoxEdit(7, Change.ADDED, (x1, y1, x2, y2), TargetKind.FACE, None, Origin.MANUAL, "missed")


def history(*steps: tuple[BoxEdit, ...]) -> History:
    return History(
        tuple(Correction("a" * 64, SignatureState.GENUINE, None, None, None, None, step) for step in steps)
    )


@given(st.lists(CORRECTIONS, max_size=3).map(tuple), st.none() | st.just({"proof": None}))
def test_a_history_survives_storage(
    corrections: tuple[Correction, ...], first: dict[str, Any] | None
) -> None:
    stored = History(corrections, first)
    assert History.from_bytes(stored.to_bytes()) == stored


@pytest.mark.parametrize(
    ("steps", "is_released"),
    [
        ([(removed(),)], True),
        ([(removed(reason=None),)], False),
        ([(removed(kind=TargetKind.TEXT),)], False),
        ([(added(12, 12, 33, 43), removed())], False),
        ([(added(100, 100, 120, 120), removed())], True),
        ([(removed(),), (added(*FACE),)], False),
        ([(removed(),), (added(*FACE),), (removed(),)], True),
    ],
)
def test_only_faces_removed_for_a_reason_and_not_drawn_again_are_released(
    steps: list[tuple[BoxEdit, ...]], is_released: bool
) -> None:
    corrected = history(*steps)
    assert corrected.released() == ({7: (FACE,)} if is_released else {})
    assert corrected.edited_frames == {7}


@pytest.mark.parametrize(
    ("first", "verify"),
    [
        (None, None),
        ({"proof": None}, Verify.NONE),
        ({"proof": {"verify": "all"}}, Verify.ALL),
        ({"proof": {"verify": "most"}}, None),
        ({"proof": 7}, None),
    ],
)
def test_the_first_check_is_known_where_it_is_recorded(
    first: dict[str, Any] | None, verify: Verify | None
) -> None:
    assert History((), first).first_verify is verify


@pytest.mark.parametrize(
    "change",
    [
        {"edits": [{"frame": 1}]},
        {"edits": [{"frame": "1", "change": "blanked", "box": None, "reason": None}]},
        {"edits": [{"frame": 1, "change": "eaten", "box": None, "reason": None}]},
        {"editor": 7},
        {"signature": "perfect"},
        {"parent_signature": "text"},
    ],
)
def test_invalid_corrections_are_refused(change: dict[str, Any]) -> None:
    (entry,) = json.loads(history((removed(),)).to_bytes())["corrections"]
    assert History.read([entry], None).edited_frames == {7}
    with pytest.raises(ValueError, match=r"correction|not a valid"):
        History.read([entry | change], None)
