"""The HTTP API and who may use it."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.entrypoints.settings.variables import (
    Address,
    at_least,
    network_names,
    origins,
    positive,
    setting,
    switch,
    text,
    whole,
)

_YEAR = 24 * 366.0
"""Hours."""


def _password(value: str) -> str:
    # Passwords come with NumPy in tow, which `redact --help` need not wait for.
    from framecloak.domain.accounts.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD  # noqa: PLC0415 - as the comment says

    if not SHORTEST_PASSWORD <= len(value) <= LONGEST_PASSWORD:
        raise ValueError(f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return value


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """The HTTP API and who may use it."""

    host: str = setting("HOST", "Address that the API listens on.", text, "127.0.0.1")
    port: int = setting("PORT", "Port that the API listens on; 0 is any free one.", whole(0, 65535), "8000")
    base_url: str = setting(
        "BASE_URL",
        "The API as its users reach it, when that is through a proxy.",
        Address("http", "https"),
        default_text="addresses are relative",
    )
    secret_key: str = setting(
        "SECRET_KEY",
        "What tokens and links are signed with; the same for all processes of an installation.",
        at_least(32),
        secret=True,
        default_text="made once and kept in DATA_DIR",
    )
    session_cookie_secure: bool = setting(
        "SESSION_COOKIE_SECURE",
        "Whether browsers send the session over HTTPS only.",
        switch,
        lambda environment: environment.get("BASE_URL", "").startswith("https://"),
        default_text="whether BASE_URL is https",
    )
    session_lifetime_hours: float = setting(
        "SESSION_LIFETIME_HOURS", "How long a browser stays signed in.", positive(_YEAR), "12", unit="hours"
    )
    access_token_minutes: float = setting(
        "ACCESS_TOKEN_MINUTES", "How long an access token is good.", positive(24 * 60), "15", unit="minutes"
    )
    refresh_token_hours: float = setting(
        "REFRESH_TOKEN_HOURS", "How long a refresh token is good.", positive(_YEAR), "168", unit="hours"
    )
    rate_limit_per_account: int = setting(
        "RATE_LIMIT_PER_ACCOUNT",
        "Requests in a window that one account may make; 0 is any number.",
        whole(0, 10_000_000),
        "100000",
        unit="requests",
    )
    rate_limit_per_address: int = setting(
        "RATE_LIMIT_PER_ADDRESS",
        "Requests in a window that strangers may make from one address; 0 is any number.",
        whole(0, 10_000_000),
        "600",
        unit="requests",
    )
    rate_limit_window_seconds: int = setting(
        "RATE_LIMIT_WINDOW_SECONDS",
        "The window that these are counted in.",
        whole(1, 86400),
        "60",
        unit="seconds",
    )
    hsts_seconds: int = setting(
        "HSTS_SECONDS",
        "How long browsers shall insist on HTTPS once they came by it; 0 does not ask them to.",
        whole(0, 10 * 366 * 86400),
        "63072000",
        unit="seconds",
    )
    frame_ancestors: str = setting(
        "FRAME_ANCESTORS",
        "Sites that may show the service inside a page of theirs, as https://portal.example, with spaces.",
        origins,
        default_text="nobody",
    )
    trusted_proxies: str = setting(
        "TRUSTED_PROXIES",
        "Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, with commas.",
        network_names,
        default_text="nobody is believed",
    )
    metrics_public: bool = setting(
        "METRICS_PUBLIC", "Whether anybody may read /metrics of the API.", switch, "false"
    )
    metrics_token: str = setting(
        "METRICS_TOKEN",
        "What Prometheus shows as bearer token to read /metrics; administrators may always read it.",
        at_least(16),
        secret=True,
        default_text="administrators only",
    )
    api_docs: bool = setting("API_DOCS", "Whether /schema/openapi.json is served.", switch, "true")
    max_upload_bytes: int = setting(
        "MAX_UPLOAD_BYTES", "The largest upload.", whole(1, 1 << 50), str(10 * 1024**3), unit="bytes"
    )
    admin_password: str = setting(
        "FRAMECLOAK_ADMIN_PASSWORD",
        "Password of the first administrator.",
        _password,
        secret=True,
        default_text="made and printed once",
    )
