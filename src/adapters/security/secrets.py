"""Random secrets, and the one secret of an installation that all its keys are derived from."""

from __future__ import annotations

import hmac
import os
import secrets
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

from framecloak.domain.errors import InvalidSettingError

MIN_LENGTH = 32
"""Characters of an installation's secret; as many random hex digits hold 128 bits."""

_RANDOM_BYTES = 32
_ENCODING = "utf-8"
_OTHERS = 0o077


def new_secret(prefix: str = "") -> str:
    """A secret of 256 random bits for cookies, API keys and download links.

    Args:
        prefix: put in front, to tell kinds of secrets apart when one turns up where it should not.

    Returns:
        The prefix and 43 characters that are safe in addresses and headers.
    """
    return prefix + secrets.token_urlsafe(_RANDOM_BYTES)


def digest(secret: str) -> bytes:
    """The SHA-256 by which a secret is found again without being kept.

    A quick hash is enough: nobody guesses 256 random bits. Passwords are another matter.
    """
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()


def derive_key(installation_secret: bytes, purpose: str) -> bytes:
    """A key for one purpose; knowing it tells nothing about the secret or other keys.

    HKDF (RFC 5869) with SHA-256, without salt, and the purpose as ``info``.

    Returns:
        32 bytes.
    """
    extracted = hmac.digest(bytes(sha256().digest_size), installation_secret, sha256)
    return hmac.digest(extracted, purpose.encode(_ENCODING) + b"\x01", sha256)


@dataclass(frozen=True, slots=True)
class InstallationSecret:
    """What makes one installation's signatures worthless to any other.

    Attributes:
        value: never printed, not even in a traceback.
    """

    value: bytes = field(repr=False)

    @classmethod
    def from_text(cls, text: str) -> Self:
        """Take what an operator has set.

        Raises:
            InvalidSettingError: it is so short that it could be guessed.
        """
        text = text.strip()
        if len(text) < MIN_LENGTH:
            message = f"the installation's secret has {len(text)} characters"
            raise InvalidSettingError(message, f"set at least {MIN_LENGTH} random ones: openssl rand -hex 32")
        return cls(text.encode(_ENCODING))

    @classmethod
    def from_file(cls, path: Path) -> Self:
        """Read it from a file that only its owner can read; the first to ask creates it.

        Raises:
            InvalidSettingError: the file cannot be read or created, or others can read it.
        """
        try:
            if not path.exists():
                _create(path, secrets.token_hex(_RANDOM_BYTES))
            readable_by_others = path.stat().st_mode & _OTHERS
            text = path.read_text(_ENCODING)
        except (OSError, UnicodeError) as error:
            message = f"cannot read or create {path}: {error}"
            raise InvalidSettingError(message, "check the data folder and its permissions") from error
        if readable_by_others:
            message = f"others on this machine can read {path}"
            raise InvalidSettingError(message, f"chmod 600 {path}, or delete it: all users then sign in anew")
        return cls.from_text(text)

    def derive_key(self, purpose: str) -> bytes:
        """See `derive_key`."""
        return derive_key(self.value, purpose)


def _create(path: Path, text: str) -> None:
    """Create a file with its content at once; when another process is quicker, its file stays."""
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
