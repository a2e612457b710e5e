"""Random secrets, and the secret of an installation from which all its keys are derived."""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

from framecloak.domain.errors import InvalidSettingError

MIN_SECRET_LENGTH = 32
"""Minimum length of an installation's secret in characters; 32 random hex digits have 128 bits."""

_RANDOM_BYTES = 32
_ENCODING = "utf-8"
_GROUP_AND_OTHERS_MODE = 0o077


def new_secret(prefix: str = "") -> str:
    """Return a secret of 256 random bits for cookies, API keys and download links.

    Args:
        prefix: prefix that identifies the kind of a leaked secret.

    Returns:
        The prefix and 43 characters that are safe in URLs and headers.
    """
    return prefix + secrets.token_urlsafe(_RANDOM_BYTES)


def secret_digest(secret: str) -> bytes:
    """Return the SHA-256 by which a secret is looked up, so that the secret itself is not stored.

    A fast hash is sufficient for 256 random bits, which cannot be guessed. It is not for passwords.
    """
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def derive_key(installation_secret: bytes, purpose: str) -> bytes:
    """Derive a key for one purpose; it reveals nothing about the secret or other derived keys.

    Uses HKDF (RFC 5869) with SHA-256, without salt, and with the purpose as ``info``.

    Returns:
        32 bytes.
    """
    extracted = hmac.digest(bytes(sha256().digest_size), installation_secret, sha256)
    return hmac.digest(extracted, purpose.encode(_ENCODING) + b"\x01", sha256)


@dataclass(frozen=True, slots=True)
class InstallationSecret:
    """Secret of an installation, from which its keys are derived.

    Attributes:
        value: bytes of the secret; excluded from ``repr``, so tracebacks do not show them.
    """

    value: bytes = field(repr=False)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Create the secret from the text of a setting.

        Raises:
            InvalidSettingError: the text is too short.
        """
        text = text.strip()
        if len(text) < MIN_SECRET_LENGTH:
            message = f"the installation's secret has {len(text)} characters"
            raise InvalidSettingError(
                message, f"set at least {MIN_SECRET_LENGTH} random ones: openssl rand -hex 32"
            )
        return cls(text.encode(_ENCODING))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read the secret from a file that only its owner can read; create the file if it is missing.

        Raises:
            InvalidSettingError: the file cannot be read or created, or other users can read it.
        """
        try:
            if not path.exists():
                _create(path, secrets.token_hex(_RANDOM_BYTES))
            readable_by_others = path.stat().st_mode & _GROUP_AND_OTHERS_MODE
            text = path.read_text(_ENCODING)
        except (OSError, UnicodeError) as error:
            message = f"cannot read or create {path}: {error}"
            raise InvalidSettingError(message, "check the data folder and its permissions") from error
        if readable_by_others:
            message = f"others on this machine can read {path}"
            raise InvalidSettingError(
                message, f"chmod 600 {path}, or delete it: users must sign in again then"
            )
        return cls.from_text(text)

    def derive_key(self, purpose: str) -> bytes:
        """Derive a key for one purpose; see `adapters.security.secrets.derive_key`."""
        return derive_key(self.value, purpose)


def _create(path: Path, text: str) -> None:
    """Create a file atomically with its content; keep the file of another process that was faster."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    partial.touch(mode=0o600, exist_ok=False)
    try:
        with partial.open("w", encoding=_ENCODING) as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        path.hardlink_to(partial)
    except FileExistsError:
        return
    finally:
        partial.unlink()
