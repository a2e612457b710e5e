"""The secret of an installation and the keys derived from it."""

from __future__ import annotations

from framecloak.adapters.security.secrets import InstallationSecret
from framecloak.adapters.security.signing import Ed25519Signer
from framecloak.adapters.security.text_lists import AesTextListCipher
from framecloak.adapters.security.vault import AesGalleryCipher
from framecloak.entrypoints.settings import Settings

KEY_FILE = "secret-key"
"""File in the data folder with the secret, used unless SECRET_KEY is set."""


def installation_secret(settings: Settings) -> InstallationSecret:
    """Return the secret from which all keys are derived.

    Raises:
        InvalidSettingError: the key file cannot be read or created, or other users can read it.
    """
    if settings.secret_key:
        return InstallationSecret.from_text(settings.secret_key)
    return InstallationSecret.from_file(settings.data_dir / KEY_FILE)


def webhook_secret(settings: Settings) -> str:
    """Return the key that signs webhooks, as text, because receivers need it to verify them.

    Raises:
        InvalidSettingError: as for `installation_secret`.
    """
    return settings.webhook_secret or installation_secret(settings).derive_key("webhooks").hex()


def gallery_cipher(settings: Settings) -> AesGalleryCipher:
    """Return the cipher that encrypts galleries.

    Keys are derived in the same way from the text of each setting. Galleries encrypted under SECRET_KEY
    before GALLERY_KEY was set can therefore still be decrypted, and a former SECRET_KEY can be listed in
    GALLERY_OLD_KEYS.

    Raises:
        InvalidSettingError: as for `installation_secret`.
    """
    installation = installation_secret(settings)
    current = InstallationSecret.from_text(settings.gallery_key) if settings.gallery_key else installation
    texts = settings.gallery_old_keys.split(",") if settings.gallery_old_keys else []
    old = [installation, *map(InstallationSecret.from_text, texts)]
    return AesGalleryCipher(_gallery_key(current), [_gallery_key(secret) for secret in old])


def _gallery_key(secret: InstallationSecret) -> bytes:
    return secret.derive_key("galleries")


def text_list_cipher(settings: Settings) -> AesTextListCipher:
    """Return the cipher that encrypts the lists of text policies while a request is processed.

    Raises:
        InvalidSettingError: as for `installation_secret`.
    """
    return AesTextListCipher(installation_secret(settings).derive_key("text lists"))


def result_signer(settings: Settings) -> Ed25519Signer:
    """Return the signer of result manifests; its public key may be published.

    Raises:
        InvalidSettingError: as for `installation_secret`.
    """
    return Ed25519Signer(installation_secret(settings).derive_key("result signatures"))


def has_secret(settings: Settings) -> bool:
    """Return True if the installation already has a secret; none is created."""
    return bool(settings.secret_key) or (settings.data_dir / KEY_FILE).exists()
