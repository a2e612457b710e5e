"""NAL units of H.265 and the sizes that they state."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import av
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.adapters.media.h265.units import (
    BrokenUnitError,
    UnitReader,
    bit_depth,
    coded_size,
    is_base_layer,
    stated_profile,
)
from support.samples.media import write_video

# x265 gives frames of a stream that is shorter than its reordering decoding times that no muxer takes.
OPTIONS = {"x265-params": "log-level=none:pools=1:bframes=0"}


def parameter_sets(path: Path) -> tuple[bytes, ...]:
    with av.open(str(path)) as container:
        return UnitReader(container.streams.video[0].codec_context.extradata or b"").parameter_sets


@pytest.mark.parametrize("suffix", ["mp4", "ts"])
@pytest.mark.parametrize(("pix_fmt", "size"), [("yuv420p", (160, 120)), ("yuv444p10le", (200, 96))])
def test_the_size_of_a_stream_is_read(
    suffix: str, pix_fmt: str, size: tuple[int, int], tmp_path: Path
) -> None:
    path = tmp_path / f"a.{suffix}"
    write_video(path, 2, codec="libx265", pix_fmt=pix_fmt, size=size, options=OPTIONS)
    assert [found for unit in parameter_sets(path) if (found := coded_size(unit))] == [size]


@pytest.mark.parametrize(
    ("pix_fmt", "number", "depth"),
    [("yuv420p", 1, 8), ("yuv420p10le", 2, 10), ("yuv444p12le", 4, 12), ("yuv420p12le", 4, 12)],
)
def test_the_profile_and_depth_of_a_stream_are_read(
    pix_fmt: str, number: int, depth: int, tmp_path: Path
) -> None:
    path = write_video(
        tmp_path / "a.ts", 2, codec="libx265", pix_fmt=pix_fmt, size=(160, 120), options=OPTIONS
    )
    units = parameter_sets(path)
    profiles = [profile for unit in units if (profile := stated_profile(unit))]
    assert [profile.number for profile in profiles] == [number, number]
    assert all(profile.is_consistent for profile in profiles)
    assert len({*profiles}) == 1
    assert [found for unit in units if (found := bit_depth(unit))] == [depth]


def test_units_of_other_layers_are_told_apart() -> None:
    assert is_base_layer(bytes([1 << 1, 1, 0]))
    assert not is_base_layer(bytes([1 << 1, 1 << 3 | 1, 0]))
    assert not is_base_layer(bytes([1 << 1 | 1, 1, 0]))
    assert not is_base_layer(b"\x02\x01")


def test_a_unit_that_is_longer_than_its_packet_is_broken() -> None:
    configuration = bytes([1]) + bytes(20) + bytes([3, 0])
    reader = UnitReader(configuration)
    assert [*reader.units(bytes([0, 0, 0, 2, 7, 8, 0, 0, 0, 1, 9]))] == [b"\x07\x08", b"\x09"]
    for packet in (bytes([0, 0, 0, 3, 7, 8]), bytes([0, 0, 0]), bytes([0, 0, 0, 1, 7, 0])):
        with pytest.raises(BrokenUnitError):
            [*reader.units(packet)]


# Start codes are rare in other bytes, and a set bit is the shortest number of a parameter set.
any_bytes = st.binary(max_size=80) | st.lists(
    st.sampled_from((b"\0\0\1", b"\0\0\0\1", b"\xff" * 9)) | st.binary(max_size=9), max_size=9
).map(b"".join)


@given(any_bytes)
def test_units_are_cut_from_any_bytes(data: bytes) -> None:
    units = [*UnitReader(b"").units(data)]
    assert len(units) == data.count(b"\0\0\1")
    assert all(unit in data for unit in units)


@given(any_bytes)
@pytest.mark.parametrize(
    "read",
    [
        lambda data: coded_size(bytes([33 << 1, 1]) + data),
        lambda data: bit_depth(bytes([33 << 1, 1]) + data),
        lambda data: stated_profile(bytes([32 << 1, 1]) + data),
        lambda data: UnitReader(b"\1" + data),
    ],
    ids=["size", "depth", "profile", "configuration"],
)
def test_any_bytes_are_read_or_broken(read: Callable[[bytes], object], data: bytes) -> None:
    with suppress(BrokenUnitError):
        read(data)


@given(st.lists(st.lists(st.binary(max_size=300), max_size=3), max_size=3), st.integers(1, 4), st.data())
def test_no_parameter_set_is_read_in_part(
    arrays: list[list[bytes]], length_bytes: int, data: st.DataObject
) -> None:
    configuration = bytes([1, *bytes(20), length_bytes - 1, len(arrays)])
    head_bytes = len(configuration)
    for units in arrays:
        configuration += bytes([33]) + len(units).to_bytes(2, "big")
        configuration += b"".join(len(unit).to_bytes(2, "big") + unit for unit in units)
    parameter_sets = tuple(unit for units in arrays for unit in units)
    reader = UnitReader(configuration)
    assert reader.parameter_sets == parameter_sets
    packet = b"".join(len(unit).to_bytes(length_bytes, "big") + unit for unit in (b"\x07", b"\x08\x09"))
    assert [*reader.units(packet)] == [b"\x07", b"\x08\x09"]
    cut = configuration[: data.draw(st.integers(head_bytes, len(configuration)))]
    with suppress(BrokenUnitError):
        # Like libav, it takes missing arrays for empty ones.
        whole = UnitReader(cut).parameter_sets
        assert whole == parameter_sets[: len(whole)]
