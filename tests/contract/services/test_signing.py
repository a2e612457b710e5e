"""What signing promises, on the fake and on Ed25519."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import results
from fakes.results import FakeSigner
from framecloak.adapters.security import signing
from framecloak.domain.ports.security import SignatureCheck, Signer


@dataclass(frozen=True)
class Case:
    """Two signers with keys of their own, and what checks their signatures."""

    signer: Signer
    again: Signer
    other: Signer
    is_signed: SignatureCheck


CASES = {
    "fake": Case(FakeSigner("anna"), FakeSigner("anna"), FakeSigner("ben"), results.is_signed),
    "ed25519": Case(
        signing.Ed25519Signer(b"a" * 32),
        signing.Ed25519Signer(b"a" * 32),
        signing.Ed25519Signer(b"b" * 32),
        signing.verify_signature,
    ),
}
each = pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())


@each
@given(message=st.binary(max_size=200))
def test_what_was_signed_is_known_to_be(case: Case, message: bytes) -> None:
    signature = case.signer.sign(message)
    assert (len(case.signer.public_key), len(signature)) == (32, 64)
    assert case.is_signed(case.signer.public_key, message, signature)
    assert case.again.sign(message) == signature
    assert case.again.public_key == case.signer.public_key


@each
@given(message=st.binary(max_size=60), at=st.integers(0, 63), bit=st.integers(0, 7))
def test_no_other_message_key_or_signature_will_do(case: Case, message: bytes, at: int, bit: int) -> None:
    signature = case.signer.sign(message)
    flipped = bytearray(signature)
    flipped[at] ^= 1 << bit
    assert not case.is_signed(case.signer.public_key, message + b"!", signature)
    assert not case.is_signed(case.other.public_key, message, signature)
    assert not case.is_signed(case.signer.public_key, message, bytes(flipped))


@each
@pytest.mark.parametrize("key", [b"", b"short", bytes(33), bytes(32)])
@pytest.mark.parametrize("signature", [b"", b"short", bytes(64), bytes(65)])
def test_what_is_no_key_or_no_signature_signs_nothing(case: Case, key: bytes, signature: bytes) -> None:
    assert not case.is_signed(key, b"message", signature)
    assert not case.is_signed(case.signer.public_key, b"message", signature)
