"""Removal of the metadata of PNG images that a decoder would inflate."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.adapters.media.pictures.source import decode_image_file
from framecloak.adapters.media.png_chunks import without_metadata
from support.samples.bombs import inflating_png

PNG, MNG = b"\x89PNG\r\n\x1a\n", b"\x8aMNG\r\n\x1a\n"


def chunk_kinds(image: bytes) -> list[bytes]:
    """Return the kinds of the chunks of an image as a decoder reads them, up to the end of its bytes."""
    kinds, position = [], 8
    while position + 8 <= len(image):
        kinds.append(image[position + 4 : position + 8])
        position += 12 + int.from_bytes(image[position : position + 4], "big")
    return kinds


@pytest.mark.parametrize("kind", ["zTXt", "iTXt", "iCCP"])
def test_metadata_is_removed_and_the_image_stays(kind: str) -> None:
    image = inflating_png(kind, 1)
    kept = without_metadata(image)
    assert kind.encode() not in kept
    assert len(kept) < len(image) - 900
    shown = cv2.imdecode(np.frombuffer(kept, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert shown.shape == (120, 160)
    assert decode_image_file("png", image, 10**6).width == 160


def test_the_other_signature_of_the_decoder_counts_too() -> None:
    image = MNG + inflating_png("zTXt", 1)[8:]
    assert b"zTXt" not in without_metadata(image)


@given(st.binary(max_size=64))
def test_other_data_stays_as_it_is(data: bytes) -> None:
    assert without_metadata(data) == data


@given(st.integers(0, 1_000), st.integers(0, 255))
def test_no_damage_adds_bytes_or_keeps_a_whole_chunk_of_text(position: int, value: int) -> None:
    image = bytearray(inflating_png("zTXt", 1))
    image[position % len(image)] = value
    kept = without_metadata(bytes(image))
    assert len(kept) <= len(image)
    if kept.startswith((PNG, MNG)):
        assert b"zTXt" not in chunk_kinds(kept)
