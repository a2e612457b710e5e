"""What an installation signs with: one secret, and the keys that are made from it."""

from __future__ import annotations

from framecloak.adapters.security.secrets import InstallationSecret
from framecloak.adapters.security.signing import Ed25519Signer
from framecloak.adapters.security.vault import Vault
from framecloak.entrypoints.settings import Settings

KEY_FILE = "secret-key"
"""In the data folder: what all signatures are derived from, unless SECRET_KEY is set."""


def installation_secret(settings: Settings) -> InstallationSecret:
    """What keys for signatures are derived from.

    Raises:
        InvalidSettingError: its file cannot be read or created, or others can read it.
    """
    if settings.secret_key:
        return InstallationSecret.from_text(settings.secret_key)
    return InstallationSecret.from_file(settings.data_dir / KEY_FILE)


def webhook_secret(settings: Settings) -> str:
    """What webhooks are signed with; receivers need it too, so it is text that can be handed on.

    Raises:
        InvalidSettingError: as for `installation_secret`.
    """
    return settings.webhook_secret or installation_secret(settings).derive_key("webhooks").hex()


def gallery_vault(settings: Settings) -> Vault:
    """What keeps galleries secret.

    Everything is derived in one way from the text of a setting, whichever it is: a SECRET_KEY that was in use
    before GALLERY_KEY was set goes on opening what it sealed, and an earlier one can be given as an old key.

    Raises:
        InvalidSettingError: as for `installation_secret`.
    """
    installation = installation_secret(settings)
    current = InstallationSecret.from_text(settings.gallery_key) if settings.gallery_key else installation
    texts = settings.gallery_old_keys.split(",") if settings.gallery_old_keys else []
    old = [installation, *map(InstallationSecret.from_text, texts)]
    return Vault(_gallery_key(current), [_gallery_key(one) for one in old])


def _gallery_key(secret: InstallationSecret) -> bytes:
    return secret.derive_key("galleries")


def result_signer(settings: Settings) -> Ed25519Signer:
    """What manifests of results are signed with; its public key can be given to anybody.

    Raises:
        InvalidSettingError: as for `installation_secret`.
    """
    return Ed25519Signer(installation_secret(settings).derive_key("result signatures"))


def has_secret(settings: Settings) -> bool:
    """Whether the installation has a secret already, so that asking for it creates none."""
    return bool(settings.secret_key) or (settings.data_dir / KEY_FILE).exists()
