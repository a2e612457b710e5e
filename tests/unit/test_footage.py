"""Synthetic footage of `benchmarks/footage`: painting, truth, and the clips of the theme `sight`."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _benchmarks_on_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tests import benchmarks, which are not installed."""
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2]))


@pytest.fixture
def scene() -> ModuleType:
    from benchmarks.footage import scene

    return scene


def test_layers_are_painted_into_the_frame(scene: ModuleType) -> None:
    still = scene.Still("grey", np.full((40, 40, 3), 90, np.uint8), ((10, 10, 30, 30),))
    image, faces = scene.compose([scene.look(still, (20, 20), 40, (40, 40))], (40, 40))
    assert (image == 90).all()
    assert faces["grey/0"] == scene.Face((10, 10, 30, 30), 1.0)


def test_a_cut_out_keeps_its_name_and_marks(scene: ModuleType) -> None:
    alpha = np.ones((20, 20), np.float32)
    head = scene.Still("head", np.full((20, 20, 3), 200, np.uint8), ((5, 5, 15, 15),), alpha)
    layer = scene.place(head, (20, 20), 10, name="person")
    away = scene.Layer(layer.still, layer.matrix, layer.name, away=True)
    image, faces = scene.compose([away], (40, 40))
    assert image[20, 20].tolist() == [200, 200, 200]
    assert faces["person/0"].away


def test_the_back_of_a_head_is_hard_and_away() -> None:
    from benchmarks.footage.clip import Clip
    from benchmarks.footage.make import annotate
    from benchmarks.footage.scene import Face

    clip = Clip("one", (100, 100), 1, 100, lambda _t: [])
    assert annotate(Face((10, 10, 50, 50), 1.0), clip, degraded=False) == {
        "xyxy": [10, 10, 50, 50],
        "hard": False,
    }
    assert annotate(Face((10, 10, 50, 50), 1.0, away=True), clip, degraded=False) == {
        "xyxy": [10, 10, 50, 50],
        "hard": True,
        "away": True,
    }


def test_small_faces_are_required_where_the_clip_is_about_them() -> None:
    from benchmarks.footage.clip import Clip
    from benchmarks.footage.make import annotate
    from benchmarks.footage.scene import Face

    face = Face((10, 10, 20, 22), 1.0)
    usual = Clip("usual", (100, 100), 1, 100, lambda _t: [])
    small = Clip("small", (100, 100), 1, 100, lambda _t: [], min_width=8.5, clear_width=10)
    assert annotate(face, usual, degraded=False) is None
    assert annotate(face, small, degraded=False) == {"xyxy": [10, 10, 20, 22], "hard": False}


def test_seeds_divide_the_heads_into_two_halves(scene: ModuleType) -> None:
    from benchmarks.footage.clip import SEED, half_of

    heads = [scene.Still(str(index), np.zeros((1, 1, 3), np.uint8)) for index in range(19)]
    chosen = {head.name for head in half_of(heads, SEED)}
    held_back = {head.name for head in half_of(heads, SEED + 1)}
    assert not chosen & held_back
    assert len(chosen | held_back) == 19


def test_a_camera_maps_faces_with_the_scene(scene: ModuleType) -> None:
    from benchmarks.footage.motion import viewed

    still = scene.Still("grey", np.full((40, 40, 3), 90, np.uint8), ((10, 10, 30, 30),))
    squeezed = np.array([[0.5, 0, 0], [0, 1, 0]])
    seen = viewed(lambda _t: [scene.look(still, (20, 20), 40, (40, 40))], lambda _t: squeezed)
    _, faces = scene.compose(seen(0), (20, 40))
    assert faces["grey/0"].box == pytest.approx((5, 10, 15, 30))


def test_a_turning_head_loses_its_face_and_returns_in_profile() -> None:
    from benchmarks.footage import sight_clips as clips

    end = clips.TURN_AWAY + clips.FACE_AWAY + clips.TURN_BACK
    assert clips._shown(-1) == 1
    assert clips._shown(clips.TURN_AWAY) == 0
    assert clips._shown(clips.TURN_AWAY + clips.FACE_AWAY) == pytest.approx(clips.SLIVER)
    assert clips._shown(end + 5) == pytest.approx(clips.PROFILE)
