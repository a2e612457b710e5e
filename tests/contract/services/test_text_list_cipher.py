"""Contract of every cipher of the lists of text policies."""

from __future__ import annotations

import pytest

from fakes.security import FakeTextListCipher
from framecloak.adapters.security.text_lists import AesTextListCipher
from framecloak.domain.errors import TextListsLostError
from framecloak.domain.ports.security import TextListCipher

LISTS = "Müller, Anna".encode()


@pytest.fixture(params=["fake", "aes"])
def ciphers(request: pytest.FixtureRequest) -> tuple[TextListCipher, TextListCipher]:
    """Return two ciphers with different keys."""
    if request.param == "fake":
        return FakeTextListCipher("first"), FakeTextListCipher("second")
    return AesTextListCipher(b"1" * 32), AesTextListCipher(b"2" * 32)


def test_a_value_can_be_opened_where_it_was_sealed_for(
    ciphers: tuple[TextListCipher, TextListCipher],
) -> None:
    cipher, other = ciphers
    sealed = cipher.seal("request 1", LISTS)
    assert LISTS not in sealed
    assert cipher.seal("request 1", LISTS) != sealed
    assert cipher.open("request 1", sealed) == LISTS
    for wrong, place in ((cipher, "request 2"), (other, "request 1")):
        with pytest.raises(TextListsLostError):
            wrong.open(place, sealed)
    for damaged in (b"", sealed[:5], sealed[1:]):
        with pytest.raises(TextListsLostError):
            cipher.open("request 1", damaged + b"|")


def test_digests_compare_values_of_one_key(ciphers: tuple[TextListCipher, TextListCipher]) -> None:
    cipher, other = ciphers
    assert len(cipher.digest(LISTS)) == 32
    assert cipher.digest(LISTS) == cipher.digest(LISTS)
    assert cipher.digest(LISTS) != cipher.digest(b"Berg")
    assert cipher.digest(LISTS) != other.digest(LISTS)
