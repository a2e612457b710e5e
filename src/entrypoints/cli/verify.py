"""``framecloak verify`` and ``signing-key``: what a result is signed with, and whether it still fits."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from framecloak.domain.errors import InputNotFoundError, ObjectNotFoundError, UnreadableArchiveError
from framecloak.entrypoints.cli.exit_codes import (
    SUCCESS,
    VERDICT_EXIT_CODES,
    describe_verdict_exit_codes,
)
from framecloak.entrypoints.cli.options import data_dir_option, service_settings

if TYPE_CHECKING:
    from framecloak.domain.anonymization.results.verification import Verdict

_PRINTED = 20

_EPILOG = f"""\
\b
Exit codes, by the worst that was found
{describe_verdict_exit_codes()}
"""


@click.command(epilog=_EPILOG, short_help="Check that a result is what was signed.")
@click.argument("archive", metavar="OUT.zip", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "key_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    show_default="the key of this installation, if it has one",
    help="Public key in PEM of who should have signed it, as `framecloak signing-key` prints it.",
)
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a report.")
def verify(*, archive: Path, key_file: Path | None, data_dir: str | None, as_json: bool) -> int:
    """Compare every file in OUT.zip with its manifest, and the manifest with its signature.

    Nothing but the ZIP and the key is needed, and no network. What was changed is named: the manifest, a
    frame that was changed, is missing, was added or lies where another one belongs. A key that came together
    with the ZIP proves nothing: get it from whoever made the result.
    """
    # The models' libraries are not needed, and take a moment to import.
    from framecloak.adapters.media.video.mp4_reader import Mp4Reader  # noqa: PLC0415
    from framecloak.adapters.media.zip.archive import ZipReader  # noqa: PLC0415
    from framecloak.adapters.security.signing import is_signed  # noqa: PLC0415
    from framecloak.domain.anonymization.results import verification  # noqa: PLC0415

    given, own = _given_key(key_file), _own_key(data_dir)
    if not archive.is_file():
        raise InputNotFoundError(f"there is no file {archive}", "check the path")
    try:
        reader = ZipReader(archive)
    except ObjectNotFoundError as error:
        hint = "give a ZIP that framecloak has made"
        raise UnreadableArchiveError(f"{archive.name} is no ZIP that can be read", hint) from error
    with reader:
        verdict = verification.verify(reader, is_signed, Mp4Reader(), given, own)
    _print(archive, verdict, as_json=as_json)
    return SUCCESS if verdict.worst is None else VERDICT_EXIT_CODES[verdict.worst]


@click.command("signing-key", short_help="Print the key that results are checked with.")
@data_dir_option
def signing_key(*, data_dir: str | None) -> None:
    """Print the public key of this installation, in PEM, for those who check its results.

    It is no secret. The private key is derived from SECRET_KEY, or from the secret in DATA_DIR, which is made
    when there is none.
    """
    from framecloak.adapters.security.signing import to_pem  # noqa: PLC0415
    from framecloak.entrypoints.composition.keys import result_signer  # noqa: PLC0415

    click.echo(to_pem(result_signer(service_settings(data_dir=data_dir)).public_key), nl=False)


def _given_key(file: Path | None) -> bytes | None:
    from framecloak.adapters.security.signing import from_pem  # noqa: PLC0415

    if file is None:
        return None
    try:
        return from_pem(file.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {file}: {reason}", "check the path") from error


def _own_key(data_dir: str | None) -> bytes | None:
    """The key of this installation; None where it has none, and none is made."""
    from framecloak.entrypoints.composition.keys import has_secret, result_signer  # noqa: PLC0415

    settings = service_settings(data_dir=data_dir)
    return result_signer(settings).public_key if has_secret(settings) else None


def _print(archive: Path, verdict: Verdict, *, as_json: bool) -> None:
    if as_json:
        document = {
            "genuine": verdict.worst is None,
            "problem": verdict.worst,
            "key_id": verdict.key_id,
            "frames": verdict.frames,
            "files": verdict.files,
            "findings": [
                {"problem": one.problem, "subject": one.subject, "detail": one.detail}
                for one in verdict.findings
            ],
        }
        click.echo(json.dumps(document))
        return
    if verdict.worst is None:
        click.echo(f"{archive.name} is genuine: {verdict.frames} frames, as signed with key {verdict.key_id}")
        return
    click.echo(f"{archive.name}: {verdict.worst.replace('_', ' ')}")
    for one in verdict.findings[:_PRINTED]:
        click.echo(f"  {_printable(one.subject)}: {_printable(one.detail)}")
    left = len(verdict.findings) - _PRINTED
    if left > 0:
        click.echo(f"  and {left} more; --json names them all")


def _printable(text: str) -> str:
    """A text in one line: a line break in a name out of the archive could pretend to be a verdict."""
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in text)
