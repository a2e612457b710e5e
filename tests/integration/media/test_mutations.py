"""Mutated films and images: each is read, or refused with an error of its own; nothing crashes or hangs."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import cv2
import numpy as np
import pytest

from framecloak.adapters.media.pictures.source import open_image
from framecloak.adapters.media.pictures.untrusted import UntrustedImageReader
from framecloak.adapters.media.video.probing import PyAvProber
from framecloak.adapters.media.video.source import open_video
from framecloak.domain.errors import DomainError, FrameAnalysisError
from support.samples.bombs import write_still_video
from support.samples.media import write_video

FILMS, IMAGES = ("mp4", "mkv", "avi", "png.avi", "ts"), (".jpg", ".png", ".webp", ".bmp", ".tiff")
SHORT, LONG = 10, 300
SIZE = 96, 64


def mutated(data: bytes, seed: int) -> bytes:
    """Return a copy with flipped, removed, repeated, swapped or extreme bytes; the same for the same seed."""
    chance = random.Random(seed)  # noqa: S311 - reproducible
    copy = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        start = chance.randrange(len(copy))
        length = min(chance.choice((1, 1, 4, 32, 512)), len(copy) - start)
        match chance.randrange(6):
            case 0:
                copy[start] ^= 1 << chance.randrange(8)
            case 1 if len(copy) > 2 * length:
                del copy[start : start + length]
            case 2:
                copy[start:start] = copy[start : start + length]
            case 3:
                copy[start : start + length] = chance.randbytes(length)
            case 4:
                copy[start : start + length] = chance.choice((b"\x00", b"\xff", b"\x7f")) * length
            case _ if chance.random() < 0.2:
                del copy[max(1, start) :]
    return bytes(copy)


def film(folder: Path, kind: str) -> bytes:
    path = folder / f"film.{kind}"
    if kind == "png.avi":
        return write_still_video(path, SIZE, "png").read_bytes()
    return write_video(path, 12).read_bytes()


def read_film(path: Path) -> None:
    prober = PyAvProber()
    frames = prober.probe(path).frame_count
    prober.frame_jpeg(path, frames // 2, 40)
    source = open_video(path)
    with closing(source.frames(0, source.info.readable_frames)) as images:
        for image in images:
            try:
                image.bgr()
            except FrameAnalysisError:
                continue


def read_image(path: Path) -> None:
    source = open_image(path)
    with closing(source.frames(0, source.info.readable_frames)) as images:
        for image in images:
            try:
                image.bgr()
            except FrameAnalysisError:
                continue


def read_upload(path: Path) -> None:
    UntrustedImageReader().read(path.read_bytes()).bgr()


def outcome(read: Callable[[Path], None], path: Path) -> str:
    try:
        read(path)
    except DomainError as error:
        return error.code
    return "read"


def check_films(folder: Path, count: int) -> None:
    originals = {kind: film(folder, kind) for kind in FILMS}
    outcomes = []
    for seed in range(count):
        kind = FILMS[seed % len(FILMS)]
        path = folder / f"mutated-{seed}.{kind}"
        path.write_bytes(mutated(originals[kind], seed))
        outcomes.append(outcome(read_film, path))
        path.unlink()
    assert len(set(outcomes)) > 1
    assert DomainError.code not in outcomes


def check_images(folder: Path, count: int) -> None:
    sample = np.random.default_rng(1).integers(0, 256, (*SIZE, 3), np.uint8)
    originals = {suffix: cv2.imencode(suffix, cv2.blur(sample, (9, 9)))[1].tobytes() for suffix in IMAGES}
    outcomes = []
    for seed in range(count):
        suffix = IMAGES[seed % len(IMAGES)]
        path = folder / f"mutated-{seed}{suffix}"
        path.write_bytes(mutated(originals[suffix], seed))
        outcomes += [outcome(read_image, path), outcome(read_upload, path)]
        path.unlink()
    assert len(set(outcomes)) > 1
    assert DomainError.code not in outcomes


def test_a_few_mutated_films_crash_nothing(tmp_path: Path) -> None:
    check_films(tmp_path, SHORT)


def test_a_few_mutated_images_crash_nothing(tmp_path: Path) -> None:
    check_images(tmp_path, SHORT)


@pytest.mark.nightly
def test_mutated_films_crash_nothing(tmp_path: Path) -> None:
    check_films(tmp_path, LONG)


@pytest.mark.nightly
def test_mutated_images_crash_nothing(tmp_path: Path) -> None:
    check_images(tmp_path, LONG)
