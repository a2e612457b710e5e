"""Exit codes of the command line, and the printed form of errors."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

import click

from framecloak.domain.errors import DomainError

SUCCESS = 0
USAGE = 2
FRAMES_BLANKED = 3
ITEMS_REJECTED = 4
REQUEST_FAILED = 5
CLEANUP_INCOMPLETE = 6
STORAGE_DAMAGED = 7
INTERNAL = 70
SIGNAL_EXIT_BASE = 128
"""Exit code after a signal, minus the number of the signal, as in shells."""

EXIT_CODES = {
    "input_not_found": 10,
    "empty_file": 11,
    "unreadable_video": 12,
    "no_video_stream": 13,
    "no_frames": 14,
    "truncated_video": 15,
    "image_too_large": 16,
    "unreadable_archive": 17,
    "sound_lost": 18,
    "invalid_segment": 20,
    "invalid_region": 21,
    "invalid_level": 22,
    "level_unavailable": 23,
    "invalid_format": 24,
    "invalid_option": 25,
    "invalid_setting": 26,
    "invalid_manifest": 27,
    "manifest_mismatch": 28,
    "too_many_boxes": 29,
    "provider_unavailable": 30,
    "model_missing": 31,
    "model_corrupt": 32,
    "license_not_accepted": 33,
    "model_download_failed": 34,
    "examination_failed": 35,
    "emotions_unavailable": 36,
    "encoder_unavailable": 37,
    "model_export_failed": 39,
    "output_unwritable": 40,
    "storage_full": 41,
    "internal_error": INTERNAL,
}
"""Exit codes by ``DomainError.code`` of the commands that redact files."""

REID_EXIT_CODES = {
    "invalid_image": 116,
    "face_not_found": 117,
    "face_too_small": 118,
    "batch_too_large": 119,
    "invalid_embedding": 120,
    "overloaded": 121,
}
"""Additional exit codes by ``DomainError.code`` of the commands that recognise faces."""

SERVICE_EXIT_CODES = {
    "schema_outdated": 50,
    "database_unavailable": 51,
    "queue_unavailable": 52,
    "storage_unavailable": 53,
    "object_not_found": 54,
    "webhook_failed": 55,
    "extension_missing": 56,
    "original_damaged": 57,
    "result_damaged": 58,
    "video_not_found": 80,
    "segment_not_found": 81,
    "region_not_found": 82,
    "grant_not_found": 83,
    "frame_damaged": 79,
    "frame_not_found": 84,
    "upload_not_found": 85,
    "upload_too_large": 86,
    "upload_incomplete": 87,
    "video_in_use": 88,
    "invalid_reference": 89,
    "invalid_segments": 90,
    "too_many_frames": 91,
    "request_not_found": 92,
    "already_finished": 93,
    "not_ready": 94,
    "processing_timeout": 99,
    "token_not_found": 95,
    "token_used": 96,
    "token_expired": 97,
    "idempotency_conflict": 98,
    "account_in_use": 109,
    "user_not_found": 100,
    "username_taken": 101,
    "weak_password": 102,
    "api_key_not_found": 103,
    "not_authenticated": 104,
    "invalid_credentials": 105,
    "too_many_attempts": 106,
    "forbidden": 107,
    "password_change_required": 75,
    "csrf_failed": 108,
    "gallery_not_found": 110,
    "gallery_face_not_found": 111,
    "gallery_full": 112,
    "gallery_key_missing": 113,
    "gallery_damaged": 114,
    "model_mismatch": 115,
    "identities_lost": 122,
    "workers_disagree": 123,
    "batch_not_found": 77,
    "template_not_found": 78,
    "template_mismatch": 76,
    "other_frame_shape": 8,
    "marks_too_late": 125,
    "text_lists_lost": 124,
    "not_released": 59,
    "already_released": 74,
    "second_person_required": 19,
    "identity_provider_unavailable": 42,
    "sign_on_denied": 43,
    "sign_on_state_mismatch": 44,
    "sign_on_expired": 45,
    "identity_token_invalid": 46,
    "identity_token_audience": 47,
    "clock_skew": 48,
    "not_admitted": 49,
    "no_local_password": 9,
}
"""Additional exit codes by ``DomainError.code`` of the service and its management commands."""


VERIFICATION_EXIT_CODES = {
    "no_signature": 60,
    "wrong_key": 61,
    "bad_signature": 62,
    "manifest_changed": 63,
    "frame_changed": 64,
    "frame_missing": 65,
    "frame_added": 66,
    "frames_reordered": 67,
    "file_changed": 68,
    "archive_changed": 71,
    "name_readable": 72,
    "parent_changed": 73,
    "release_invalid": 38,
    "unknown_signer": 69,
}
"""Exit codes of ``verify`` by the most severe problem of a result, most severe first."""


def describe_exit_codes() -> str:
    """Return the table of exit codes for ``redact --help``, one line per code."""
    rows = [
        (SUCCESS, "done, and no frame is black"),
        (USAGE, "invalid command line"),
        (FRAMES_BLANKED, "done, but some frames could not be examined and are black"),
        *((code, name.replace("_", " ")) for name, code in EXIT_CODES.items()),
        (130, "interrupted with Ctrl-C"),
        (143, "terminated"),
    ]
    return _table(rows)


def describe_service_exit_codes() -> str:
    """Return the table of exit codes that the service and its management commands add."""
    rows = [
        (ITEMS_REJECTED, "some items of the batch were rejected"),
        (REQUEST_FAILED, "a request failed; its error is printed"),
        (CLEANUP_INCOMPLETE, "some expired data could not be deleted"),
        (STORAGE_DAMAGED, "stored files are missing, or are not what was stored"),
        *((code, name.replace("_", " ")) for name, code in SERVICE_EXIT_CODES.items()),
    ]
    return _table(rows)


def describe_reid_exit_codes() -> str:
    """Return the table of exit codes that the commands for face recognition add."""
    return _table((code, name.replace("_", " ")) for name, code in REID_EXIT_CODES.items())


def describe_verification_exit_codes() -> str:
    """Return the table of exit codes for ``verify --help``."""
    rows = [
        (SUCCESS, "genuine: everything matches the signature"),
        *((code, name.replace("_", " ")) for name, code in VERIFICATION_EXIT_CODES.items()),
    ]
    return _table(rows)


def _table(rows: Iterable[tuple[int, str]]) -> str:
    return "\n".join(f"{code:>5}  {meaning}" for code, meaning in rows)


def report(code: str, message: str, hint: str, *, as_json: bool) -> None:
    """Print an error as one line on standard error, as text or as JSON.

    Args:
        code: stable code of the error.
        message: fact.
        hint: action that solves the problem; empty for none.
        as_json: True to print JSON.
    """
    if as_json:
        line = json.dumps({"code": code, "message": message, "hint": hint})
    else:
        text = f"framecloak: {message}: {hint}" if hint else f"framecloak: {message}"
        line = " ".join(text.split())
    click.echo(line, file=sys.stderr)


def report_domain_error(error: DomainError, *, as_json: bool) -> int:
    """Print an error of the domain and return its exit code."""
    report(error.code, error.message, error.hint, as_json=as_json)
    return (EXIT_CODES | REID_EXIT_CODES | SERVICE_EXIT_CODES)[error.code]


def report_usage_error(error: click.ClickException, *, as_json: bool) -> int:
    """Print an error in the command line and return its exit code."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "framecloak"
    report("usage", error.format_message().rstrip("."), f"see `{command} --help`", as_json=as_json)
    return USAGE


def report_internal_error(error: Exception, *, as_json: bool) -> int:
    """Print an unexpected error and return its exit code."""
    description = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(": ")
    hint = "please report it; set FRAMECLOAK_DEBUG=1 in the environment to see the traceback"
    report("internal_error", f"internal error ({description})", hint, as_json=as_json)
    return INTERNAL
