"""Matching by cosine similarity, and refusal of invalid embeddings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from framecloak.domain.errors import InvalidEmbeddingError, InvalidOptionError
from framecloak.domain.model.faces import EmbeddingSpace
from framecloak.domain.reid.matching import (
    DEFAULT_THRESHOLD,
    compare,
    default_threshold,
    find_matches,
    similarity_scale,
    unit_rows,
    unit_vector,
)

NUMBERS = st.floats(-1000, 1000, width=32).filter(lambda number: number == 0 or abs(number) > 1e-3)
ROWS = hnp.arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(2, 8)), elements=NUMBERS).filter(
    lambda rows: bool((rows != 0).any(axis=1).all())
)

ROUNDING = 2e-6
"""Tolerance between float32 and float64."""


@given(rows=ROWS, factor=st.floats(0.01, 100))
def test_a_cosine_is_symmetric_bounded_and_independent_of_length(rows: np.ndarray, factor: float) -> None:
    first, second = rows[0], rows[-1]
    similarity = compare(first, second)
    assert -1 <= similarity <= 1
    assert compare(second, first) == pytest.approx(similarity, abs=1e-5)
    assert compare(first * np.float32(factor), second) == pytest.approx(similarity, abs=1e-4)
    assert compare(first, first) == pytest.approx(1, abs=1e-5)
    assert compare(first, -first) == pytest.approx(-1, abs=1e-5)


@given(rows=ROWS, threshold=st.floats(-1, 1), top_k=st.none() | st.integers(1, 5))
def test_matches_are_those_of_an_exhaustive_search(
    rows: np.ndarray, threshold: float, top_k: int | None
) -> None:
    matches = find_matches(rows[0], rows, threshold, top_k)
    unit = unit_rows(rows).astype(np.float64)
    cosines = unit @ unit[0]
    similarities = [match.similarity for match in matches]
    assert similarities == sorted(similarities, reverse=True)
    np.testing.assert_allclose(similarities, cosines[[match.index for match in matches]], atol=ROUNDING)
    assert len({match.index for match in matches}) == len(matches) <= (top_k or len(rows))
    assert all(similarity >= threshold - ROUNDING for similarity in similarities)
    # No omitted row is better than the worst match.
    omitted = np.delete(cosines, [match.index for match in matches])
    full = len(matches) == top_k
    minimum = similarities[-1] if full else threshold
    assert not (omitted > minimum + ROUNDING).any()


@pytest.mark.parametrize("model", ["antelopev2", "buffalo_l", "buffalo_s", "dlib-resnet"])
def test_cosines_of_known_models_have_a_meaning(model: str) -> None:
    space = EmbeddingSpace(model, "0" * 64, 128)
    known = similarity_scale(space)
    assert known is not None
    assert -1 <= known.unrelated < known.possible < known.usual == default_threshold(space) < 1


@pytest.mark.parametrize("length", [128, 512])
def test_an_embedding_is_found_with_the_largest_threshold(length: int) -> None:
    rows = np.random.default_rng(20).normal(size=(200, length)).astype(np.float32)
    for number, row in enumerate(rows):
        assert [match.index for match in find_matches(row, rows, 1.0)] == [number]


def test_an_unknown_model_has_only_a_default_threshold() -> None:
    space = EmbeddingSpace("our own", "0" * 64, 512)
    assert similarity_scale(space) is None
    assert default_threshold(space) == DEFAULT_THRESHOLD


@given(rows=ROWS)
def test_lists_arrays_and_doubles_are_the_same(rows: np.ndarray) -> None:
    expected = unit_rows(rows)
    assert expected.dtype == np.float32
    np.testing.assert_allclose(unit_rows(rows.tolist()), expected, atol=1e-6)
    np.testing.assert_allclose(unit_rows(rows.astype(np.float64)), expected, atol=1e-6)
    np.testing.assert_allclose(unit_rows([tuple(row) for row in rows.tolist()]), expected, atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-10, 1e10, 1e30])
def test_very_small_and_very_large_numbers_are_compared(scale: float) -> None:
    assert compare([3 * scale, 4 * scale], [4, 3]) == pytest.approx(0.96, abs=1e-6)


def test_the_input_is_unchanged() -> None:
    rows = np.array([[3, 4], [1e20, 0]], np.float32)
    before = rows.copy()
    find_matches(rows[0], rows, 0)
    assert (rows == before).all()


@pytest.mark.parametrize(
    "wrong",
    [
        [],
        [0.0, 0.0],
        [1.0, float("nan")],
        [1.0, float("inf")],
        [1e39, 1.0],
        ["a", "b"],
        [None, 1.0],
        [[1.0], [2.0]],
        "text",
        5,
        np.zeros(3),
        np.ones((2, 2)),
        np.array([1e300, 1.0]),
    ],
)
def test_invalid_embeddings_are_refused(wrong: object) -> None:
    for call in (
        lambda: unit_vector(wrong),  # type: ignore[arg-type]
        lambda: compare([1.0, 2.0], wrong),  # type: ignore[arg-type]
        lambda: find_matches([1.0, 2.0], [[1.0, 1.0], wrong], 0.5),  # type: ignore[list-item]
    ):
        with pytest.raises(InvalidEmbeddingError) as refused:
            call()
        assert refused.value.code == "invalid_embedding"


def test_the_message_names_the_row() -> None:
    rows = np.ones((5, 3), np.float32)
    rows[3, 1] = np.nan
    with pytest.raises(InvalidEmbeddingError, match="embedding 3 holds a number that is not finite"):
        find_matches([1, 2, 3], rows, 0.5)
    with pytest.raises(InvalidEmbeddingError, match="embedding 1 has 2 numbers, and the first has 3"):
        find_matches([1, 2, 3], [[1, 2, 3], [1, 2]], 0.5)


@given(seed=st.integers(0, 2**32 - 1), count=st.sampled_from([255, 256, 257, 512, 700]))
def test_many_rows_give_the_same_similarities_as_single_comparisons(seed: int, count: int) -> None:
    rows = np.random.default_rng(seed).normal(size=(count, 8)).astype(np.float32)
    # An unaligned matrix, as in a received message.
    shifted = np.frombuffer(b"\0" + rows.tobytes(), np.float32, offset=1).reshape(rows.shape)
    assert not shifted.flags.aligned
    expected = {number: compare(rows[0], row) for number, row in enumerate(rows)}
    for matrix in (rows, shifted):
        matches = find_matches(rows[0], matrix, -1)
        assert {match.index: match.similarity for match in matches} == pytest.approx(expected, abs=1e-6)
        assert matches == sorted(matches, key=lambda match: -match.similarity)


@pytest.mark.parametrize("wrong", [0, 255, 256, 599])
def test_the_message_names_the_row_among_many(wrong: int) -> None:
    rows = np.ones((600, 3), np.float32)
    rows[wrong] = 0
    with pytest.raises(InvalidEmbeddingError, match=f"^embedding {wrong} is zero"):
        find_matches([1, 2, 3], rows, 0.5)


def test_lengths_must_agree() -> None:
    with pytest.raises(InvalidEmbeddingError, match="128"):
        compare(np.ones(128), np.ones(512))
    with pytest.raises(InvalidEmbeddingError, match="axes"):
        find_matches([1.0], np.ones(3), 0.5)


def test_nothing_to_search_gives_no_matches() -> None:
    assert find_matches([1.0, 0.0], [], 0.5) == []
    assert find_matches([1.0, 0.0], np.empty((0, 2)), 0.5) == []


@pytest.mark.parametrize(("threshold", "top_k"), [(1.5, None), (-1.1, None), (float("nan"), None), (0.5, 0)])
def test_invalid_search_parameters_are_refused(threshold: float, top_k: int | None) -> None:
    with pytest.raises(InvalidOptionError):
        find_matches([1.0], [[1.0]], threshold, top_k)
