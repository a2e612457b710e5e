"""What ``framecloak render`` takes out of a result that may come from anybody."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from domain.anonymization.manifest import MANIFEST_FILE
from domain.anonymization.request import Choices
from domain.errors import ObjectNotFoundError, TooManyBoxesError
from entrypoints.cli import rerendering
from entrypoints.cli.rerendering import Order


def order(result: Path) -> Order:
    return Order(result, result, None, result.with_name("out.zip"), Choices(), False, False)


def test_a_manifest_that_is_packed_small_must_not_be_huge(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rerendering, "LARGEST_EDITED", 1 << 20)
    result = tmp_path / "result.zip"
    with zipfile.ZipFile(result, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST_FILE, b" " * (1 << 24))
    assert result.stat().st_size < 1 << 20
    with pytest.raises(TooManyBoxesError, match=r"manifest\.json is larger than 1 MiB"):
        rerendering._documents(order(result))


def test_a_zip_without_a_manifest_says_so(tmp_path: Path) -> None:
    result = tmp_path / "result.zip"
    with zipfile.ZipFile(result, "w") as archive:
        archive.writestr("something.else", b"")
    with pytest.raises(ObjectNotFoundError, match=r"manifest\.json"):
        rerendering._documents(order(result))
