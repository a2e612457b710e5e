"""Trials of hardware encoders. libx264 stands in for devices that work, and for those that encode wrongly."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
from av.video.codeccontext import VideoCodecContext

from framecloak.adapters.media.video.encoding.hardware import (
    HARDWARE_CODECS,
    HardwareCodec,
    HardwareVideoEncoder,
)
from framecloak.domain.errors import EncoderUnavailableError, InvalidFormatError
from framecloak.domain.ports.video import SOFTWARE_ENCODER, VideoEncoder, VideoFormat
from framecloak.entrypoints.composition.video_encoder import choose_video_encoder
from framecloak.entrypoints.settings import VIDEO_ENCODERS


def stand_in(**options: str) -> HardwareCodec:
    """Return libx264 as the encoder of a device."""
    options = {"bf": "0", "g": "10000", "threads": "1"} | options
    return HardwareCodec("libx264", options, lambda quantiser: {"qp": f"{quantiser}"})


class FailingCodec(HardwareCodec):
    """Device that fails after it was tried, or refuses a size."""

    def create(self, quality: int) -> VideoCodecContext:
        encoder = super().create(quality)
        encoder.options = {"preset": "no such preset"}
        return encoder


def test_every_hardware_encoder_can_be_chosen() -> None:
    assert (SOFTWARE_ENCODER, *HARDWARE_CODECS) == VIDEO_ENCODERS


def test_a_device_that_works_is_identified_by_its_parameter_sets() -> None:
    identity = HardwareVideoEncoder.tried(stand_in()).identity
    assert identity == HardwareVideoEncoder.tried(stand_in()).identity
    assert identity.parameters_sha256 is not None
    assert len(identity.parameters_sha256) == 64
    other = HardwareVideoEncoder.tried(stand_in(profile="baseline")).identity
    assert (other.name, other == identity) == (identity.name, False)


@pytest.mark.parametrize(
    ("codec", "reason"),
    [
        (stand_in(bf="3", preset="medium"), "reorders or drops frames"),
        (stand_in(**{"x264-params": "colormatrix=smpte240m:fullrange=on"}), "other colours"),
        (HardwareCodec("libx264", {"bf": "0"}, lambda _: {"qp": "51"}), "other colours"),
        (HardwareCodec("h264_nowhere", {}, lambda _: {}), "was built without it"),
        (HardwareCodec("libopus", {}, lambda _: {}), "does not encode video"),
        (HardwareCodec("libx264", {}, lambda _: {}, "vaapi"), "No supported hardware config"),
        (stand_in(preset="no such preset"), "no such preset"),
    ],
)
def test_a_device_that_does_not_encode_the_same_frames_is_refused(codec: HardwareCodec, reason: str) -> None:
    with pytest.raises(EncoderUnavailableError) as raised:
        HardwareVideoEncoder.tried(codec)
    assert raised.value.code == "encoder_unavailable"
    assert reason in raised.value.message
    assert "libx264" in raised.value.hint


def test_frames_of_a_size_that_the_device_refuses_are_refused() -> None:
    encoder = HardwareVideoEncoder(FailingCodec("libx264", {}, lambda _: {}), "a" * 64)
    with pytest.raises(InvalidFormatError, match="does not encode frames of 192x128 here"):
        encoder.require_supported(VideoFormat(192, 128, Fraction(25), 90), None)


def test_a_device_that_fails_later_is_an_error(tmp_path: Path) -> None:
    encoder = HardwareVideoEncoder(FailingCodec("libx264", {}, lambda _: {}), "a" * 64, tmp_path)
    group = encoder.group_encoder(VideoFormat(2, 2, Fraction(25), 90))
    with pytest.raises(EncoderUnavailableError):
        group.add(bytes(6))


def test_a_refused_encoder_is_never_replaced(tmp_path: Path) -> None:
    tried = []

    def refuse(name: str) -> Callable[[Path], VideoEncoder]:
        tried.append(name)
        raise EncoderUnavailableError("no device")

    for name in HARDWARE_CODECS:
        with pytest.raises(EncoderUnavailableError, match="no device"):
            choose_video_encoder(name, tmp_path, refuse)
    assert choose_video_encoder(SOFTWARE_ENCODER, tmp_path, refuse).identity.name == SOFTWARE_ENCODER
    assert tried == list(HARDWARE_CODECS)


def test_an_encoder_that_works_is_used_with_the_folder(tmp_path: Path) -> None:
    tried = HardwareVideoEncoder.tried(stand_in())
    encoder = choose_video_encoder("h264_nvenc", tmp_path, lambda _: tried.for_folder)
    assert isinstance(encoder, HardwareVideoEncoder)
    assert encoder.identity == tried.identity
