"""Settings of the HTTP API, sessions, tokens and rate limits."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.entrypoints.settings.variables import (
    Address,
    boolean,
    integer,
    min_length,
    network_names,
    origins,
    positive,
    setting,
    text,
)

_YEAR_HOURS = 24 * 366.0
"""Length of a leap year in hours."""


def _password(value: str) -> str:
    # This import also imports NumPy, which would slow `redact --help` down.
    from framecloak.domain.accounts.passwords import MAX_PASSWORD_LENGTH, MIN_PASSWORD_LENGTH  # noqa: PLC0415 - as the comment says

    if not MIN_PASSWORD_LENGTH <= len(value) <= MAX_PASSWORD_LENGTH:
        raise ValueError(f"{MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters")
    return value


@dataclass(frozen=True, kw_only=True)
class ApiSettings:
    """Settings of the HTTP API, sessions, tokens and rate limits."""

    host: str = setting("HOST", "Address on which the API listens.", text, "127.0.0.1")
    port: int = setting(
        "PORT", "Port on which the API listens; 0 chooses a free port.", integer(0, 65535), "8000"
    )
    base_url: str = setting(
        "BASE_URL",
        "Public address of the API; set it when clients reach it through a proxy.",
        Address("http", "https"),
        default_text="none: links are relative",
    )
    secret_key: str = setting(
        "SECRET_KEY",
        "Key that signs tokens and links; must be the same for all processes of an installation.",
        min_length(32),
        secret=True,
        default_text="generated once and kept in DATA_DIR",
    )
    session_cookie_secure: bool = setting(
        "SESSION_COOKIE_SECURE",
        "Restrict the session cookie to HTTPS.",
        boolean,
        lambda environment: environment.get("BASE_URL", "").startswith("https://"),
        default_text="true if BASE_URL is https",
    )
    session_lifetime_hours: float = setting(
        "SESSION_LIFETIME_HOURS", "Lifetime of a browser session.", positive(_YEAR_HOURS), "12", unit="hours"
    )
    access_token_minutes: float = setting(
        "ACCESS_TOKEN_MINUTES", "Lifetime of an access token.", positive(24 * 60), "15", unit="minutes"
    )
    refresh_token_hours: float = setting(
        "REFRESH_TOKEN_HOURS", "Lifetime of a refresh token.", positive(_YEAR_HOURS), "168", unit="hours"
    )
    rate_limit_per_account: int = setting(
        "RATE_LIMIT_PER_ACCOUNT",
        "Maximum number of requests per window from one account; 0 means no limit.",
        integer(0, 10_000_000),
        "100000",
        unit="requests",
    )
    rate_limit_per_address: int = setting(
        "RATE_LIMIT_PER_ADDRESS",
        "Maximum number of unauthenticated requests per window from one IP address; 0 means no limit.",
        integer(0, 10_000_000),
        "600",
        unit="requests",
    )
    rate_limit_window_seconds: int = setting(
        "RATE_LIMIT_WINDOW_SECONDS",
        "Length of the window of the two rate limits.",
        integer(1, 86400),
        "60",
        unit="seconds",
    )
    max_connections_per_address: int = setting(
        "MAX_CONNECTIONS_PER_ADDRESS",
        "Maximum number of open connections from one IP address, except TRUSTED_PROXIES; 0 means no limit.",
        integer(0, 1_000_000),
        "256",
        unit="connections",
    )
    hsts_seconds: int = setting(
        "HSTS_SECONDS",
        "How long browsers must use HTTPS only (HSTS), if SESSION_COOKIE_SECURE is true; 0 turns it off.",
        integer(0, 10 * 366 * 86400),
        "63072000",
        unit="seconds",
    )
    frame_ancestors: str = setting(
        "FRAME_ANCESTORS",
        "Sites that may embed the console in a frame, separated by spaces, such as https://portal.example.",
        origins,
        default_text="none",
    )
    trusted_proxies: str = setting(
        "TRUSTED_PROXIES",
        "IP addresses or networks, separated by commas, of the proxies whose headers X-Forwarded-For and"
        " X-Forwarded-Proto are trusted.",
        network_names,
        default_text="none",
    )
    metrics_public: bool = setting(
        "METRICS_PUBLIC", "Serve /metrics of the API without authentication.", boolean, "false"
    )
    metrics_token: str = setting(
        "METRICS_TOKEN",
        "Bearer token with which Prometheus reads /metrics; administrators can always read it.",
        min_length(16),
        secret=True,
        default_text="administrators only",
    )
    api_docs: bool = setting(
        "API_DOCS", "Serve the OpenAPI document at /schema/openapi.json.", boolean, "true"
    )
    max_upload_bytes: int = setting(
        "MAX_UPLOAD_BYTES", "Maximum size of an upload.", integer(1, 1 << 50), str(10 * 1024**3), unit="bytes"
    )
    admin_password: str = setting(
        "FRAMECLOAK_ADMIN_PASSWORD",
        "Password of the first administrator.",
        _password,
        secret=True,
        default_text="generated and printed once",
    )
