"""Encryption of galleries: rotation of vectors, AES, pseudonyms and key changes."""

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
"""The rotation of KEY in three dimensions."""
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
    # A fixed expectation: any other result would make every stored gallery unusable.
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
def test_a_rotation_keeps_cosines_and_is_reversible(dimension: int) -> None:
    cipher, embeddings = AesGalleryCipher(KEY), vectors(1, 40, dimension)
    rotated = cipher.rotate(cipher.key_id, GALLERY, embeddings)
    assert rotated.dtype == np.float32
    assert np.abs(rotated @ rotated.T - embeddings @ embeddings.T).max() < 1e-6
    assert np.abs(cipher.rotate_back(cipher.key_id, GALLERY, rotated) - embeddings).max() < 1e-6


def test_a_stolen_table_matches_nothing_from_outside() -> None:
    cipher, enrolled = AesGalleryCipher(KEY), vectors(1, 200, 512)
    stolen = cipher.rotate(cipher.key_id, GALLERY, enrolled)
    elsewhere = cipher.rotate(cipher.key_id, OTHER_GALLERY, enrolled)
    otherwise = AesGalleryCipher(OTHER_KEY)
    rekeyed = otherwise.rotate(otherwise.key_id, GALLERY, enrolled)
    for outside in (enrolled, elsewhere, rekeyed):
        # Like random directions: the standard deviation of the cosine is 1 / sqrt(512) = 0.044.
        same, others = np.sum(stolen * outside, axis=1), stolen @ outside.T
        assert np.abs(same).max() < 0.25
        assert (others.argmax(axis=1) == np.arange(200)).mean() < 0.05


def test_ciphertext_decrypts_only_in_its_own_context() -> None:
    cipher = AesGalleryCipher(KEY)
    encrypted = cipher.encrypt(cipher.key_id, "here", b"Ada")
    assert cipher.decrypt(cipher.key_id, "here", encrypted) == b"Ada"
    assert encrypted != cipher.encrypt(cipher.key_id, "here", b"Ada")
    assert b"Ada" not in encrypted
    changed = encrypted[:-1] + bytes([encrypted[-1] ^ 1])
    for context, content in (
        ("there", encrypted),
        ("here", changed),
        ("here", b""),
        ("here", encrypted[:13]),
    ):
        with pytest.raises(GalleryDamagedError, match=context) as caught:
            cipher.decrypt(cipher.key_id, context, content)
        assert "Ada" not in str(caught.value)


def test_pseudonyms_are_equal_only_within_one_gallery() -> None:
    cipher, other = AesGalleryCipher(KEY), AesGalleryCipher(OTHER_KEY)
    names = {
        cipher.pseudonym(cipher.key_id, GALLERY, "Ada"),
        cipher.pseudonym(cipher.key_id, GALLERY, "Bob"),
        cipher.pseudonym(cipher.key_id, OTHER_GALLERY, "Ada"),
        other.pseudonym(other.key_id, GALLERY, "Ada"),
    }
    assert len(names) == 4
    assert {len(name) for name in names} == {16}
    assert cipher.pseudonym(cipher.key_id, GALLERY, "Ada") in names


def test_old_keys_still_decrypt() -> None:
    old, both = AesGalleryCipher(KEY), AesGalleryCipher(OTHER_KEY, [KEY])
    encrypted = old.encrypt(old.key_id, "here", b"Ada")
    assert both.key_id != old.key_id
    assert both.decrypt(old.key_id, "here", encrypted) == b"Ada"
    with pytest.raises(GalleryKeyMissingError, match=r"GALLERY_OLD_KEYS"):
        AesGalleryCipher(OTHER_KEY).decrypt(old.key_id, "here", encrypted)


def test_keys_come_from_the_settings() -> None:
    old_cipher = gallery_cipher(Settings.from_environment({"SECRET_KEY": OLD}))
    new_cipher = gallery_cipher(Settings.from_environment({"SECRET_KEY": OLD, "GALLERY_KEY": NEW}))
    rotated_cipher = gallery_cipher(
        Settings.from_environment({"SECRET_KEY": "x" * 40, "GALLERY_KEY": NEW, "GALLERY_OLD_KEYS": OLD})
    )
    assert old_cipher.key_id != new_cipher.key_id == rotated_cipher.key_id
    encrypted = old_cipher.encrypt(old_cipher.key_id, "here", b"Ada")
    # The key derived from SECRET_KEY still decrypts, as the current secret or as an old key.
    assert new_cipher.decrypt(old_cipher.key_id, "here", encrypted) == b"Ada"
    assert rotated_cipher.decrypt(old_cipher.key_id, "here", encrypted) == b"Ada"
