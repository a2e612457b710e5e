"""Contract of signing: the fake and Ed25519, and the encoding of public keys."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fakes import results
from fakes.results import FakeSigner
from framecloak.adapters.security import signing
from framecloak.domain.errors import InvalidOptionError
from framecloak.domain.ports.security import SignatureCheck, Signer


@dataclass(frozen=True)
class Case:
    """Two signers with different keys, a second one with the first key, and the check of signatures."""

    signer: Signer
    same_key: Signer
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
def test_a_signature_is_verified(case: Case, message: bytes) -> None:
    signature = case.signer.sign(message)
    assert (len(case.signer.public_key), len(signature)) == (32, 64)
    assert case.is_signed(case.signer.public_key, message, signature)
    assert case.same_key.sign(message) == signature
    assert case.same_key.public_key == case.signer.public_key


@each
@given(message=st.binary(max_size=60), index=st.integers(0, 63), bit=st.integers(0, 7))
def test_another_message_key_or_signature_is_refused(
    case: Case, message: bytes, index: int, bit: int
) -> None:
    signature = case.signer.sign(message)
    flipped = bytearray(signature)
    flipped[index] ^= 1 << bit
    assert not case.is_signed(case.signer.public_key, message + b"!", signature)
    assert not case.is_signed(case.other.public_key, message, signature)
    assert not case.is_signed(case.signer.public_key, message, bytes(flipped))


@each
@pytest.mark.parametrize("key", [b"", b"short", bytes(33), bytes(32)])
@pytest.mark.parametrize("signature", [b"", b"short", bytes(64), bytes(65)])
def test_a_malformed_key_or_signature_is_refused(case: Case, key: bytes, signature: bytes) -> None:
    assert not case.is_signed(key, b"message", signature)
    assert not case.is_signed(case.signer.public_key, b"message", signature)


def test_a_public_key_is_read_in_pem_and_as_the_api_returns_it() -> None:
    key = CASES["ed25519"].signer.public_key
    pem = signing.to_pem(key)
    assert signing.parse_public_key(pem.encode()) == key
    answer = {"algorithm": "Ed25519", "key_id": "04ff", "public_key": pem}
    assert signing.parse_public_key(json.dumps(answer).encode()) == key


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no key",
        "{}",
        "[]",
        "[" * 100_000,
        '{"public_key": 1}',
        '{"public_key": "\\ud800"}',
        '{"public_key": "x"}',
    ],
    ids=["empty", "text", "object", "list", "nested", "number", "surrogate", "no PEM"],
)
def test_anything_else_is_not_a_public_key(text: str) -> None:
    with pytest.raises(InvalidOptionError, match="not an Ed25519 public key"):
        signing.parse_public_key(text.encode())
