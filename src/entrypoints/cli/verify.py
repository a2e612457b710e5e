"""Command ``framecloak verify``: check a result against its signature."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from framecloak.domain.errors import InputNotFoundError, ObjectNotFoundError, UnreadableArchiveError
from framecloak.entrypoints.cli.exit_codes import (
    SUCCESS,
    VERIFICATION_EXIT_CODES,
    describe_verification_exit_codes,
)
from framecloak.entrypoints.cli.options import data_dir_option, service_settings

if TYPE_CHECKING:
    from framecloak.adapters.media.zip.archive import ZipReader
    from framecloak.domain.anonymization.results.proof.findings import VerificationResult

_MAX_PRINTED = 20

_EPILOG = f"""\
\b
Exit codes, by the most severe problem
{describe_verification_exit_codes()}
"""


@click.command(epilog=_EPILOG, short_help="Check a result against its signature.")
@click.argument("archive", metavar="OUT.zip", type=click.Path(path_type=Path))
@click.option(
    "--key",
    "key_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    show_default="the key of this installation, if it has one",
    help="Public key of the expected signer, as `framecloak signing-key` prints it or the API returns it.",
)
@click.option(
    "--release",
    "release_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Signed release of OUT.zip, as the console and the API give it; it must be about this result.",
)
@click.option(
    "--parent",
    "parents",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Result that OUT.zip was corrected from; repeat it for several. They are verified too.",
)
@click.option(
    "--forbid-names",
    "names_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Names, one a line: also read all text in the frames, and fail if one of them can be read.",
)
@data_dir_option
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of a report.")
def verify(
    *,
    archive: Path,
    key_file: Path | None,
    release_file: Path | None,
    parents: tuple[Path, ...],
    names_file: Path | None,
    data_dir: str | None,
    as_json: bool,
) -> int:
    """Check every file in OUT.zip against the manifest, and the manifest against its signature.

    Needs only the ZIP and the key, no network, and models only for --forbid-names. The report names each
    change: a changed manifest, and frames that are changed, missing, added or reordered. A key that came
    with the ZIP is no evidence: get the key from the signer.

    A result that was corrected by hand names the results that it was made from, with their signatures. They
    are listed, and compared with the results given with --parent.
    """
    # The model libraries are not needed, and importing them is slow.
    from framecloak.adapters.media.video.mp4_reader import Mp4Reader  # noqa: PLC0415
    from framecloak.adapters.security.signing import verify_signature  # noqa: PLC0415
    from framecloak.domain.anonymization.results.proof import verification  # noqa: PLC0415

    release = None if release_file is None else _read(release_file)
    expected_key, own_key = _key_from_file(key_file), _own_key(data_dir)
    with ExitStack() as opened:
        reader = opened.enter_context(_open(archive))
        earlier = {str(parent): opened.enter_context(_open(parent)) for parent in parents}
        result = verification.verify_archive(
            reader, verify_signature, Mp4Reader(), expected_key, own_key, earlier, release
        )
        if names_file is not None:
            # This does need the model libraries.
            from framecloak.domain.anonymization.results.proof.readable_names import (  # noqa: PLC0415
                with_readable_names,
            )
            from framecloak.entrypoints.cli.readable_names import readable_names  # noqa: PLC0415

            result = with_readable_names(result, readable_names(reader, names_file))
    _print_result(archive, result, as_json=as_json)
    return SUCCESS if result.worst is None else VERIFICATION_EXIT_CODES[result.worst]


def _open(archive: Path) -> ZipReader:
    from framecloak.adapters.media.zip.archive import ZipReader  # noqa: PLC0415

    if not archive.is_file():
        raise InputNotFoundError(f"there is no file {archive}", "check the path")
    try:
        return ZipReader(archive)
    except ObjectNotFoundError as error:
        hint = "give a result ZIP of framecloak"
        raise UnreadableArchiveError(f"{archive.name} is not a readable ZIP", hint) from error


def _key_from_file(file: Path | None) -> bytes | None:
    from framecloak.adapters.security.signing import parse_public_key  # noqa: PLC0415

    if file is None:
        return None
    return parse_public_key(_read(file))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {file}: {reason}", "check the path") from error


def _own_key(data_dir: str | None) -> bytes | None:
    """Return the public key of this installation; None if it has no secret (none is generated)."""
    from framecloak.entrypoints.composition.keys import has_secret, result_signer  # noqa: PLC0415

    settings = service_settings(data_dir=data_dir)
    return result_signer(settings).public_key if has_secret(settings) else None


def _print_result(archive: Path, result: VerificationResult, *, as_json: bool) -> None:
    if as_json:
        document = {
            "genuine": result.worst is None,
            "problem": result.worst,
            "key_id": result.key_id,
            "frames": result.frame_count,
            "files": result.file_count,
            "findings": [
                {"problem": finding.kind, "subject": finding.subject, "detail": finding.detail}
                for finding in result.problems
            ],
            "release": asdict(result.release) if result.release else None,
            "parents": [asdict(ancestor) for ancestor in result.ancestors],
        }
        click.echo(json.dumps(document))
        return
    if result.worst is None:
        click.echo(f"{archive.name} is genuine: {result.frame_count} frames, signed with key {result.key_id}")
        _print_release(result)
        _print_ancestors(result)
        return
    click.echo(f"{archive.name}: {result.worst.replace('_', ' ')}")
    for finding in result.problems[:_MAX_PRINTED]:
        click.echo(f"  {_printable(finding.subject)}: {_printable(finding.detail)}")
    remaining = len(result.problems) - _MAX_PRINTED
    if remaining > 0:
        click.echo(f"  and {remaining} more; --json lists all of them")
    _print_release(result)
    _print_ancestors(result)


def _print_release(result: VerificationResult) -> None:
    if (release := result.release) is not None:
        click.echo(
            f"  released by {_printable(release.released_by)} at {_printable(release.released_at)}, "
            f"who saw {release.seen_risky_frames} of {release.risky_frames} risky frames"
        )


def _print_ancestors(result: VerificationResult) -> None:
    for ancestor in result.ancestors:
        by = _printable(ancestor.editor) if ancestor.editor else "an unknown person"
        at = f" at {_printable(ancestor.edited_at)}" if ancestor.edited_at else ""
        state = "verified" if ancestor.is_given else "signed" if ancestor.is_signed else "not signed"
        click.echo(
            f"  corrected by {by}{at} ({ancestor.edit_count} changes) "
            f"from the result {_printable(ancestor.manifest_sha256)}, {state}"
        )


def _printable(text: str) -> str:
    """Replace unprintable characters, because a line break in an archived name could fake a result."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
