"""Settings of single sign-on, and the policy that they make."""

from __future__ import annotations

import pytest

from fakes.clock import FakeClock
from framecloak.adapters.security.secrets import InstallationSecret
from framecloak.domain.errors import InvalidSettingError
from framecloak.domain.model.accounts import Role
from framecloak.entrypoints.composition.sign_on import identity_provider, sign_on_policy
from framecloak.entrypoints.settings import Settings

COMPLETE = {
    "BASE_URL": "https://framecloak.test/",
    "OIDC_ISSUER": "https://login.test/realms/clinic",
    "OIDC_CLIENT_ID": "framecloak",
}
SECRET = InstallationSecret.from_text("a secret of at least 32 characters")


def test_an_installation_has_no_provider_by_default() -> None:
    settings = Settings.from_environment({})
    assert identity_provider(settings, FakeClock()) is None
    assert sign_on_policy(settings, SECRET) is None


def test_the_provider_and_its_addresses_come_from_the_settings() -> None:
    settings = Settings.from_environment(COMPLETE | {"OIDC_GROUP_ROLES": "a=admin,*=user"})
    provider, policy = identity_provider(settings, FakeClock()), sign_on_policy(settings, SECRET)
    assert provider is not None
    assert policy is not None
    assert provider.issuer == COMPLETE["OIDC_ISSUER"]
    assert (policy.redirect_uri, policy.home) == (
        "https://framecloak.test/api/auth/oidc/callback",
        "https://framecloak.test/",
    )
    assert (policy.name, policy.creates_accounts) == ("login.test", True)
    assert policy.group_roles.role_of(frozenset({"a"})) is Role.ADMIN
    assert len(policy.key) >= 32


@pytest.mark.parametrize(
    "changes",
    [
        {"BASE_URL": ""},
        {"OIDC_CLIENT_ID": ""},
        {"OIDC_AUDIENCE": "framecloak"},
        {"OIDC_ISSUER": "http://login.test"},
        {"OIDC_ISSUER": "http://127.0.0.1.evil.test"},
        {"OIDC_ISSUER": "ftp://login.test"},
        {"OIDC_ISSUER": "https://"},
        {"OIDC_ISSUER": "https://login.test/?realm=clinic"},
        {"OIDC_SCOPES": "profile"},
        {"OIDC_SCOPES": 'openid "'},
        {"OIDC_CLOCK_LEEWAY_SECONDS": "301"},
        {"OIDC_GROUP_ROLES": "admins"},
        {"OIDC_GROUP_ROLES": "admins=root"},
        {"OIDC_GROUP_ROLES": "=admin"},
        {"OIDC_GROUP_ROLES": "a=admin,,b=user,"},
        {"OIDC_GROUP_ROLES": "a=admin,a=user"},
    ],
)
def test_wrong_and_incomplete_settings_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(InvalidSettingError, match=next(iter(changes))):
        Settings.from_environment(COMPLETE | changes)


@pytest.mark.parametrize(
    ("value", "roles"),
    [
        ("a=admin", {"a": Role.ADMIN}),
        (" a = admin , b=user ", {"a": Role.ADMIN, "b": Role.USER}),
        (
            "CN=Chiefs,OU=Clinic=admin,/staff/all=user",
            {"CN=Chiefs,OU=Clinic": Role.ADMIN, "/staff/all": Role.USER},
        ),
        ("*=user", {"*": Role.USER}),
    ],
)
def test_groups_may_have_names_of_directories(value: str, roles: dict[str, Role]) -> None:
    settings = Settings.from_environment(COMPLETE | {"OIDC_GROUP_ROLES": value})
    assert dict(settings.oidc_group_roles) == roles


@pytest.mark.parametrize(
    "issuer", ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:80", "https://a.test/"]
)
def test_issuers_are_kept_exactly(issuer: str) -> None:
    assert Settings.from_environment(COMPLETE | {"OIDC_ISSUER": issuer}).oidc_issuer == issuer
