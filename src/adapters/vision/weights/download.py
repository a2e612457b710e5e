"""Download of weights: require the licence, download, verify, then move them to their folder."""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from pathlib import Path, PurePosixPath
from typing import TypeAlias
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from framecloak.adapters.vision.weights.catalogue import (
    Weights,
    expected_digests,
    installed_packs,
    record_digests,
)
from framecloak.adapters.vision.weights.files import sha256_of
from framecloak.domain.errors import LicenseNotAcceptedError, ModelDownloadError

DownloadProgress: TypeAlias = Callable[[int, int | None], None]
"""Progress callback: bytes received so far, and the total number of bytes or None if unknown."""

_CHUNK_BYTES = 1 << 20
_TIMEOUT_SECONDS = 30
_MAX_PACK_BYTES = 4 << 30
_EXTRACTED_SUFFIXES = {".onnx", ".txt", ".md", ".license"}
_MANUAL_HINT = "check the network, or put what {source} contains into {folder} by hand"


def pull(
    pack: Weights,
    models: Path,
    *,
    accept_license: bool,
    url: str | None = None,
    progress: DownloadProgress = lambda _done, _total: None,
) -> Path:
    """Download and verify a pack, a ZIP or a single ``.onnx`` file, then move it to its folder.

    Files whose digests are in the catalogue must match; the digests of other files are recorded in
    ``SHA256SUMS`` and trusted from then on.

    Args:
        pack: catalogue entry of the pack.
        models: models folder.
        accept_license: True if the user has accepted ``pack.terms``.
        url: URL of a mirror of the ZIP or file; None for ``pack.source``.
        progress: callback for every chunk received.

    Returns:
        The pack's folder; an existing folder is left unchanged.

    Raises:
        LicenseNotAcceptedError: the licence was not accepted; nothing was downloaded.
        ModelDownloadError: the network failed, or the downloaded data is not the pack.
    """
    if not accept_license:
        raise LicenseNotAcceptedError(
            f"the licence of {pack.name} ({pack.licence}) was not accepted",
            "read its terms and add --accept-license if they suit you",
        )
    source, folder = url or pack.source, models / pack.name
    single = PurePosixPath(pack.source).name if pack.source.endswith(".onnx") else None
    if single and (folder / single).is_file():
        return folder
    if present := installed_packs(models).get(pack.name):
        return present
    hint = _MANUAL_HINT.format(source=source, folder=folder)
    try:
        models.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".pull-", dir=models) as temporary:
            archive, unpacked = Path(temporary) / "pack.zip", Path(temporary) / pack.name
            _fetch(source, archive, progress)
            if single:
                unpacked.mkdir()
                archive.replace(unpacked / single)
            else:
                _unpack(archive, unpacked)
            _verify_digests(unpacked)
            if single:  # its folder may contain graphs that were built on this machine
                folder.mkdir(exist_ok=True)
                (unpacked / single).replace(folder / single)
            else:
                unpacked.replace(folder)
    except (OSError, HTTPException, zipfile.BadZipFile) as error:
        raise ModelDownloadError(f"{pack.name} could not be fetched from {source}: {error}", hint) from error
    return folder


def _fetch(url: str, target: Path, progress: DownloadProgress) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and not (
        parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
    ):
        raise ModelDownloadError(
            f"{url} is not an https address", "give an address that begins with https://"
        )
    request = Request(url, headers={"User-Agent": "framecloak"})  # noqa: S310 - the scheme was checked above
    try:
        with urlopen(request, timeout=_TIMEOUT_SECONDS) as response, target.open("wb") as file:  # noqa: S310 - as above
            _copy(response, file.write, progress)
    except HTTPError as error:
        with error:  # closes the connection
            raise ModelDownloadError(
                f"{url} answered {error.code} {error.reason}", "check the address"
            ) from error


def _copy(response: HTTPResponse, write: Callable[[bytes], object], progress: DownloadProgress) -> None:
    total = response.length  # None if the server sends no valid length
    done = 0
    while chunk := response.read(_CHUNK_BYTES):
        write(chunk)
        done += len(chunk)
        progress(done, total)
    if total is not None and done != total:
        raise ModelDownloadError(f"the connection ended after {done} of {total} bytes", "try again")


def _unpack(archive: Path, folder: Path) -> None:
    """Extract the pack's files without folders; in some packs' ZIPs they are in a subfolder."""
    folder.mkdir()
    with zipfile.ZipFile(archive) as pack:
        members = [member for member in pack.infolist() if not member.is_dir()]
        if sum(member.file_size for member in members) > _MAX_PACK_BYTES:
            raise ModelDownloadError("the archive is far larger than a pack", "check the address")
        for member in members:
            name = PurePosixPath(member.filename.replace("\\", "/"))
            if name.is_absolute() or ".." in name.parts:
                raise ModelDownloadError(
                    f"the archive holds an unsafe path {member.filename!r}", "check the address"
                )
            if name.suffix.lower() in _EXTRACTED_SUFFIXES:
                with pack.open(member) as source, (folder / name.name).open("xb") as target:
                    shutil.copyfileobj(source, target, _CHUNK_BYTES)


def _verify_digests(folder: Path) -> None:
    digests = {path.name: sha256_of(path) for path in sorted(folder.glob("*.onnx"))}
    if not digests:
        raise ModelDownloadError("the archive holds no .onnx file", "check the address")
    expected = expected_digests(folder)
    wrong = [name for name, digest in digests.items() if expected.get(name, digest) != digest]
    if wrong:
        raise ModelDownloadError(
            f"{', '.join(wrong)} is not the file that Framecloak was tested with",
            "the download was damaged or the publisher replaced it; it was not kept",
        )
    record_digests(folder, digests)
