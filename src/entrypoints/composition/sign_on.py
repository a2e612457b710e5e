"""The identity provider and the rules of single sign-on, from the settings."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlsplit

from framecloak.adapters.oidc.provider import OidcConfig, OidcProvider
from framecloak.adapters.security.secrets import InstallationSecret
from framecloak.domain.accounts.sign_on.group_roles import GroupRoles
from framecloak.domain.accounts.sign_on.service import SignOnPolicy
from framecloak.domain.ports.clock import Clock
from framecloak.entrypoints.settings import Settings

CALLBACK_PATH = "/api/auth/oidc/callback"
"""Path to which the provider sends browsers back, below BASE_URL."""


def identity_provider(settings: Settings, clock: Clock) -> OidcProvider | None:
    """Return the identity provider; None if the settings name none. It is not called yet."""
    if not settings.oidc_issuer:
        return None
    config = OidcConfig(
        issuer=settings.oidc_issuer,
        client_id=settings.oidc_client_id,
        client_secret=settings.oidc_client_secret,
        scopes=settings.oidc_scopes,
        audience=settings.oidc_audience,
        groups_claim=settings.oidc_groups_claim,
        leeway=timedelta(seconds=settings.oidc_clock_leeway_seconds),
    )
    return OidcProvider(config, clock)


def sign_on_policy(settings: Settings, secret: InstallationSecret) -> SignOnPolicy | None:
    """Return the rules of single sign-on; None if the settings name no identity provider."""
    if not settings.oidc_issuer:
        return None
    return SignOnPolicy(
        name=settings.oidc_name or urlsplit(settings.oidc_issuer).hostname or settings.oidc_issuer,
        redirect_uri=f"{settings.base_url}{CALLBACK_PATH}",
        home=f"{settings.base_url}/",
        group_roles=GroupRoles(dict(settings.oidc_group_roles)),
        creates_accounts=settings.oidc_create_accounts,
        key=secret.derive_key("single sign-on"),
    )
