"""Settings of single sign-on with OpenID Connect."""

from __future__ import annotations

import re
from dataclasses import dataclass

from framecloak.adapters.oidc.addresses import is_confidential
from framecloak.domain.errors import InvalidSettingError
from framecloak.domain.model.accounts import Role
from framecloak.entrypoints.settings.variables import boolean, integer, min_length, setting, text

_ENTRY = re.compile(r"\s*([^\s,].*?)\s*=\s*(admin|user)\s*(?:,|$)")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+")


def _issuer(value: str) -> str:
    if not is_confidential(value) or not value.isprintable() or " " in value or "?" in value or "#" in value:
        raise ValueError("an address that begins with https://, or with http:// on this machine")
    # A slash at its end is kept, because the issuer is compared exactly.
    return value


def _scopes(value: str) -> str:
    names = value.split()
    if "openid" not in names or not all(map(_SCOPE.fullmatch, names)):
        raise ValueError("names separated by spaces, openid among them")
    return " ".join(dict.fromkeys(names))


def _group_roles(value: str) -> tuple[tuple[str, Role], ...]:
    entries, position = [], 0
    while position < len(value):
        entry = _ENTRY.match(value, position)
        if entry is None:
            raise ValueError("group=role separated by commas, such as framecloak-admins=admin,*=user")
        entries.append((entry[1], Role(entry[2])))
        position = entry.end()
    if len({group for group, _ in entries}) < len(entries):
        raise ValueError("groups that are named once")
    return tuple(entries)


@dataclass(frozen=True, kw_only=True)
class SingleSignOnSettings:
    """Settings of single sign-on."""

    oidc_issuer: str = setting(
        "OIDC_ISSUER",
        "Identifier of the OpenID Connect provider with which users sign in; BASE_URL is required with it.",
        _issuer,
        default_text="none: passwords only",
    )
    oidc_client_id: str = setting("OIDC_CLIENT_ID", "Id of this installation at the provider.", text)
    oidc_client_secret: str = setting(
        "OIDC_CLIENT_SECRET",
        "Secret of this installation at the provider.",
        min_length(8),
        secret=True,
        default_text="none: a public client, protected by PKCE",
    )
    oidc_name: str = setting(
        "OIDC_NAME", "Name of the provider on the sign-in page.", text, default_text="its host name"
    )
    oidc_scopes: str = setting(
        "OIDC_SCOPES", "Scopes to ask the provider for, separated by spaces.", _scopes, "openid profile"
    )
    oidc_groups_claim: str = setting(
        "OIDC_GROUPS_CLAIM",
        "Claim of tokens with the groups of a user; dots lead into nested claims, as in realm_access.roles.",
        text,
        "groups",
    )
    oidc_group_roles: tuple[tuple[str, Role], ...] = setting(
        "OIDC_GROUP_ROLES",
        "Roles (admin, user) by group, as group=role separated by commas; * stands for everybody. Users in"
        " none of the groups are refused.",
        _group_roles,
        lambda _: (),
        default_text="none: everybody is admitted, and administrators are appointed here",
    )
    oidc_create_accounts: bool = setting(
        "OIDC_CREATE_ACCOUNTS",
        "Create an account at the first sign-in; otherwise administrators link identities to accounts.",
        boolean,
        "true",
    )
    oidc_audience: str = setting(
        "OIDC_AUDIENCE",
        "Audience of the provider's access tokens that the API accepts; not OIDC_CLIENT_ID, which ID tokens"
        " have.",
        text,
        default_text="none: its access tokens are refused",
    )
    oidc_clock_leeway_seconds: int = setting(
        "OIDC_CLOCK_LEEWAY_SECONDS",
        "Tolerated difference between the clocks of the provider and of this installation.",
        integer(0, 300),
        "60",
        unit="seconds",
    )

    def require_complete_sign_on(self, base_url: str) -> None:
        """Reject incomplete settings of single sign-on.

        Args:
            base_url: public address of the API.

        Raises:
            InvalidSettingError: a setting is missing, or contradicts another.
        """
        if not self.oidc_issuer:
            return
        for name, value in (("OIDC_CLIENT_ID", self.oidc_client_id), ("BASE_URL", base_url)):
            if not value:
                raise InvalidSettingError(f"OIDC_ISSUER is set and {name} is not", f"set {name} too")
        if self.oidc_audience == self.oidc_client_id:
            raise InvalidSettingError(
                "OIDC_AUDIENCE is OIDC_CLIENT_ID, so that ID tokens would be taken for access tokens",
                "give the API an audience of its own at the provider",
            )
