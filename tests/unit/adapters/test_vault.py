"""What keeps galleries secret."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from framecloak.adapters.security.rotations import haar_rotation
from framecloak.adapters.security.vault import AesGalleryCipher
from framecloak.domain.errors import GalleryDamagedError, GalleryKeyMissingError
from framecloak.entrypoints.composition.keys import gallery_cipher
from framecloak.entrypoints.settings import Settings

KEY, OTHER_KEY = bytes(range(32)), bytes(range(32, 64))
ROTATION = [
    [-0.25226660456205363, 0.6606025548172215, -0.7070826152520596],
    [0.8128126797499655, -0.25184005878389193, -0.5252733882745309],
    [0.5250686696618001, 0.7072346494344615, 0.473415296308539],
]
"""What KEY draws in three dimensions."""
GALLERY, OTHER_GALLERY = UUID(int=1), UUID(int=2)
OLD, NEW = "an old secret of forty characters at least", "a new secret of forty characters at least"


def vectors(seed: int, count: int, dimension: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).standard_normal((count, dimension))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)


@given(key=st.binary(min_size=32, max_size=32), dimension=st.integers(1, 70))
def test_a_rotation_is_orthogonal_and_always_the_same(key: bytes, dimension: int) -> None:
    rotation = haar_rotation(key, dimension)
    assert np.abs(rotation @ rotation.T - np.eye(dimension)).max() < 1e-12
    assert (rotation == haar_rotation(key, dimension)).all()


def test_a_rotation_does_not_depend_on_the_machine() -> None:
    # Written down once: another result here would make every stored gallery worthless.
    assert haar_rotation(KEY, 3) == pytest.approx(np.array(ROTATION), abs=1e-12)


def test_rotations_are_uniform() -> None:
    """Entries of Haar matrices have mean 0 and variance 1/n; trace of the matrix has variance 1."""
    drawn = np.stack([haar_rotation(number.to_bytes(32, "big"), 4) for number in range(4000)])
    assert np.abs(drawn.mean(axis=0)).max() < 5 * 0.5 / 4000**0.5
    assert np.abs((drawn**2).mean(axis=0) - 0.25).max() < 0.02
    assert abs(np.trace(drawn, axis1=1, axis2=2).var() - 1) < 0.1
    # Half of them are reflections; without the fix of the signs nearly none or all would be.
    assert abs((np.linalg.det(drawn) > 0).mean() - 0.5) < 0.05


@pytest.mark.parametrize("dimension", [2, 128, 512])
def test_cosines_stay_and_nothing_else_does(dimension: int) -> None:
    vault, given_ = AesGalleryCipher(KEY), vectors(1, 40, dimension)
    turned = vault.rotate(vault.key_id, GALLERY, given_)
    assert turned.dtype == np.float32
    assert np.abs(turned @ turned.T - given_ @ given_.T).max() < 1e-6
    assert np.abs(vault.rotate_back(vault.key_id, GALLERY, turned) - given_).max() < 1e-6


def test_a_stolen_table_matches_nothing_from_outside() -> None:
    vault, enrolled = AesGalleryCipher(KEY), vectors(1, 200, 512)
    stolen = vault.rotate(vault.key_id, GALLERY, enrolled)
    elsewhere = vault.rotate(vault.key_id, OTHER_GALLERY, enrolled)
    otherwise = AesGalleryCipher(OTHER_KEY)
    rekeyed = otherwise.rotate(otherwise.key_id, GALLERY, enrolled)
    for outside in (enrolled, elsewhere, rekeyed):
        # As far from each other as any two directions: the standard deviation is 1 / sqrt(512) = 0.044.
        same, others = np.sum(stolen * outside, axis=1), stolen @ outside.T
        assert np.abs(same).max() < 0.25
        assert (others.argmax(axis=1) == np.arange(200)).mean() < 0.05


def test_what_is_sealed_opens_only_where_it_was_put() -> None:
    vault = AesGalleryCipher(KEY)
    sealed = vault.encrypt(vault.key_id, "here", b"Ada")
    assert vault.decrypt(vault.key_id, "here", sealed) == b"Ada"
    assert sealed != vault.encrypt(vault.key_id, "here", b"Ada")
    assert b"Ada" not in sealed
    changed = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for place, content in (("there", sealed), ("here", changed), ("here", b""), ("here", sealed[:13])):
        with pytest.raises(GalleryDamagedError, match=place) as caught:
            vault.decrypt(vault.key_id, place, content)
        assert "Ada" not in str(caught.value)


def test_pseudonyms_link_within_one_gallery_alone() -> None:
    vault, other = AesGalleryCipher(KEY), AesGalleryCipher(OTHER_KEY)
    names = {
        vault.pseudonym(vault.key_id, GALLERY, "Ada"),
        vault.pseudonym(vault.key_id, GALLERY, "Bob"),
        vault.pseudonym(vault.key_id, OTHER_GALLERY, "Ada"),
        other.pseudonym(other.key_id, GALLERY, "Ada"),
    }
    assert len(names) == 4
    assert {len(name) for name in names} == {16}
    assert vault.pseudonym(vault.key_id, GALLERY, "Ada") in names


def test_old_keys_still_open() -> None:
    old, both = AesGalleryCipher(KEY), AesGalleryCipher(OTHER_KEY, [KEY])
    sealed = old.encrypt(old.key_id, "here", b"Ada")
    assert both.key_id != old.key_id
    assert both.decrypt(old.key_id, "here", sealed) == b"Ada"
    with pytest.raises(GalleryKeyMissingError, match=r"GALLERY_OLD_KEYS"):
        AesGalleryCipher(OTHER_KEY).decrypt(old.key_id, "here", sealed)


def test_keys_come_from_the_settings() -> None:
    before = gallery_cipher(Settings.from_environment({"SECRET_KEY": OLD}))
    after = gallery_cipher(Settings.from_environment({"SECRET_KEY": OLD, "GALLERY_KEY": NEW}))
    moved = gallery_cipher(
        Settings.from_environment({"SECRET_KEY": "x" * 40, "GALLERY_KEY": NEW, "GALLERY_OLD_KEYS": OLD})
    )
    assert before.key_id != after.key_id == moved.key_id
    sealed = before.encrypt(before.key_id, "here", b"Ada")
    # What was derived from SECRET_KEY goes on opening, whichever way that key is known.
    assert after.decrypt(before.key_id, "here", sealed) == b"Ada"
    assert moved.decrypt(before.key_id, "here", sealed) == b"Ada"
