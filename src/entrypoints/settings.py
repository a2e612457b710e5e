"""The environment, read once into one frozen struct; options of the command line override it."""

# ruff: noqa: RUF009 -- `setting` makes a field, as `dataclasses.field` does, and no default

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from adapters.vision.weights import models_folder
from domain.anonymization.request import Language, Level, OutputFormat, Verify
from domain.anonymization.slices import LEASE
from domain.errors import InvalidSettingError
from entrypoints.machine import available_cores
from entrypoints.variables import (
    Address,
    Variable,
    at_least,
    comma_free,
    distinct_words,
    list_of,
    network_names,
    one_of,
    origins,
    parsed_by,
    path,
    positive,
    setting,
    switch,
    templates,
    text,
    whole,
)

PROVIDERS = ("auto", "cpu", "cuda", "tensorrt")
PRECISIONS = ("auto", "fp32", "int8")
LOG_FORMATS = ("auto", "json", "console")
LOG_LEVELS = ("debug", "info", "warning", "error")
MAX_THREADS = 256

_YEAR = 24 * 366.0
"""Hours."""


def data_folder(environment: Mapping[str, str]) -> Path:
    """The user's data folder as the XDG base directory specification has it."""
    data = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser().absolute() / "framecloak"


def _scratch_folder(environment: Mapping[str, str]) -> Path:
    return path(environment.get("DATA_DIR") or str(data_folder(environment))) / "scratch"


def _password(value: str) -> str:
    # Passwords come with NumPy in tow, which `redact --help` need not wait for.
    from domain.passwords import LONGEST_PASSWORD, SHORTEST_PASSWORD  # noqa: PLC0415 - as the comment says

    if not SHORTEST_PASSWORD <= len(value) <= LONGEST_PASSWORD:
        raise ValueError(f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation is set up for; every field describes its variable.

    `framecloak settings` prints this table with the values in force.
    """

    # Models: what looks for faces, where, and with how much of the machine.
    models: Path = setting(
        "MODEL_PATH",
        "Folder that holds the model files.",
        path,
        models_folder,
        default_text="the user's cache folder",
    )
    detector: str = setting(
        "FRAMECLOAK_DETECTOR", "What finds faces: auto, centerface or the name of a pack.", text, "auto"
    )
    recognizer: str = setting(
        "RECOGNIZER",
        "What tells faces apart: auto, dlib-resnet, the name of a pack or the path of one.",
        text,
        "auto",
    )
    recognition_queue: int = setting(
        "RECOGNITION_QUEUE",
        "Pictures that may wait in one process to be looked at; more are refused.",
        whole(1, 100_000),
        "64",
        unit="pictures",
    )
    recognition_linger_ms: int = setting(
        "RECOGNITION_LINGER_MS",
        "How long faces wait for others to share a model call with, while models are busy.",
        whole(0, 1000),
        "3",
        unit="milliseconds",
    )
    provider: str = setting(
        "FRAMECLOAK_PROVIDER", f"What models run on: {', '.join(PROVIDERS)}.", one_of(PROVIDERS), "auto"
    )
    precision: str = setting(
        "FRAMECLOAK_PRECISION",
        f"What models calculate with: {', '.join(PRECISIONS)}.",
        one_of(PRECISIONS),
        "auto",
    )
    threads: int = setting(
        "FRAMECLOAK_THREADS",
        "Frames worked on at the same time.",
        whole(1, MAX_THREADS),
        lambda _: available_cores(),
        unit="threads",
        default_text="all cores there are",
    )

    # Places: where everything is kept.
    data_dir: Path = setting(
        "DATA_DIR",
        "Folder of the embedded servers, of stored objects and of the installation's key.",
        path,
        data_folder,
        default_text="the user's data folder",
    )
    temp_storage_path: Path = setting(
        "TEMP_STORAGE_PATH",
        "Folder for files that are needed for a moment; it holds unredacted frames, so keep it private.",
        path,
        _scratch_folder,
        default_text="scratch in DATA_DIR",
    )
    database_url: str = setting(
        "DATABASE_URL",
        "Postgres with pgvector.",
        Address("postgresql", "postgres", "postgresql+asyncpg"),
        secret=True,
        default_text="an embedded server",
    )
    redis_url: str = setting(
        "REDIS_URL",
        "Redis 6.2 or later, for the queue and for counting attempts.",
        Address("redis", "rediss", "unix"),
        secret=True,
        default_text="an embedded server",
    )
    minio_endpoint: str = setting(
        "MINIO_ENDPOINT",
        "Host and port of an object store that speaks S3.",
        text,
        default_text="a folder in DATA_DIR",
    )
    minio_access_key: str = setting(
        "MINIO_ACCESS_KEY", "Who the service is to the object store.", text, secret=True
    )
    minio_secret_key: str = setting("MINIO_SECRET_KEY", "What it signs its calls with.", text, secret=True)
    minio_bucket: str = setting(
        "MINIO_BUCKET", "Bucket of its objects; made when missing.", text, "framecloak"
    )
    minio_region: str = setting("MINIO_REGION", "Region of the bucket.", text, "us-east-1")
    minio_secure: bool = setting("MINIO_SECURE", "Whether the object store speaks HTTPS.", switch, "true")
    minio_public_endpoint: str = setting(
        "MINIO_PUBLIC_ENDPOINT",
        "The object store as browsers reach it.",
        text,
        default_text="MINIO_ENDPOINT",
    )

    # The HTTP API and who may use it.
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

    # Anonymisation: what a request may be, and how long things are kept.
    max_concurrent_requests: int = setting(
        "MAX_CONCURRENT_REQUESTS",
        "Requests in work at the same time, over all workers.",
        whole(1, 1000),
        "5",
        unit="requests",
    )
    default_level: Level = setting(
        "DEFAULT_ANONYMIZATION_LEVEL",
        "The level of requests that name none.",
        parsed_by(Level.parse, Level),
        Level.FACES.value,
    )
    default_output_format: OutputFormat = setting(
        "DEFAULT_OUTPUT_FORMAT",
        "The format of requests that name none.",
        parsed_by(OutputFormat.parse, OutputFormat),
        OutputFormat.JPG.value,
    )
    report_language: Language = setting(
        "REPORT_LANGUAGE",
        "What reports of results are written in when a request does not say: en or de.",
        parsed_by(Language.parse, Language),
        Language.ENGLISH.value,
    )
    default_verify: Verify = setting(
        "DEFAULT_VERIFY",
        "Which redacted frames are searched again when a request does not say: none, sample or all.",
        parsed_by(Verify.parse, Verify),
        Verify.SAMPLE.value,
    )
    max_frames_per_request: int = setting(
        "MAX_FRAMES_PER_REQUEST",
        "The most frames of one request.",
        whole(1, 100_000_000),
        "10000",
        unit="frames",
    )
    slice_frames: int = setting(
        "SLICE_FRAMES",
        "The most frames that a worker does in one go; what is lost with a worker is done again.",
        whole(1, 1_000_000),
        "250",
        unit="frames",
    )
    slice_timeout_seconds: float = setting(
        "SLICE_TIMEOUT_SECONDS",
        "How long they may take; a request fails when it takes longer three times.",
        positive(7 * 24 * 3600),
        "1800",
        unit="seconds",
    )
    lease_seconds: int = setting(
        "LEASE_SECONDS",
        "How long a worker may be silent before others take over what it does.",
        whole(2, 3600),
        f"{LEASE.total_seconds():.0f}",
        unit="seconds",
    )
    download_token_expiry_hours: float = setting(
        "DOWNLOAD_TOKEN_EXPIRY_HOURS",
        "How long a download link waits to be used.",
        positive(_YEAR),
        "24",
        unit="hours",
    )
    result_retention_hours: float = setting(
        "RESULT_RETENTION_HOURS", "How long results are kept.", positive(100 * _YEAR), "168", unit="hours"
    )
    cleanup_interval_hours: float = setting(
        "CLEANUP_INTERVAL_HOURS", "How often what expired is removed.", positive(_YEAR), "6", unit="hours"
    )
    webhook_secret: str = setting(
        "WEBHOOK_SECRET",
        "What webhooks are signed with; `framecloak webhook-secret` prints it for receivers.",
        at_least(32),
        secret=True,
        default_text="derived from SECRET_KEY",
    )
    webhook_allow_private: bool = setting(
        "WEBHOOK_ALLOW_PRIVATE",
        "Whether webhooks may call this machine and private networks.",
        switch,
        "false",
    )
    worker_grace_seconds: float = setting(
        "WORKER_GRACE_SECONDS",
        "How long a worker that is told to stop goes on with its slice before it gives it back.",
        positive(3600),
        "5",
        unit="seconds",
    )

    worker_metrics_port: int = setting(
        "WORKER_METRICS_PORT",
        "Port on HOST where a worker tells its metrics to whoever asks; 0 is none.",
        whole(0, 65535),
        "0",
    )
    worker_memory_mb: int = setting(
        "WORKER_MEMORY_MB",
        "Memory at which a worker takes no more work; 0 is 80 % of what there is.",
        whole(0, 1 << 30),
        "0",
        unit="MiB",
    )

    # Galleries of faces that are to be found again.
    gallery_key: str = setting(
        "GALLERY_KEY",
        "What galleries are sealed with; `framecloak galleries rotate-key` changes it.",
        comma_free(32),
        secret=True,
        default_text="derived from SECRET_KEY",
    )
    gallery_old_keys: str = setting(
        "GALLERY_OLD_KEYS",
        "Earlier ones that galleries may still be sealed with, with commas.",
        list_of(comma_free(32)),
        secret=True,
        default_text="none",
    )
    gallery_capacity: int = setting(
        "GALLERY_CAPACITY",
        "The most faces of one gallery.",
        whole(1, 100_000_000),
        "1000000",
        unit="faces",
    )
    gallery_hnsw_above: int = setting(
        "GALLERY_HNSW_ABOVE",
        "Faces above which a gallery is searched through an index, and not exactly.",
        whole(0, 100_000_000),
        "20000",
        unit="faces",
    )

    # Emotions: who reads them, and what the service that does so alone takes.
    clip_emotions: str = setting(
        "CLIP_EMOTIONS",
        "What an exported CLIP tells apart, with commas.",
        distinct_words,
        "happy,sad,angry,surprised,fearful,disgusted,neutral",
    )
    clip_prompts: str = setting(
        "CLIP_PROMPTS",
        "How it is asked, with | between what is averaged; each has {emotion} in it.",
        templates("emotion"),
        "a photo of a {emotion} face|a portrait of a {emotion} person|a close-up photo of a {emotion} face"
        "|a person with a {emotion} facial expression|a face that looks {emotion}",
    )
    clip_service_url: str = setting(
        "CLIP_SERVICE_URL",
        "The service that reads emotions.",
        Address("http", "https"),
        secret=True,
        default_text="an exported CLIP in MODEL_PATH, or nobody",
    )
    clip_service_token: str = setting(
        "CLIP_SERVICE_TOKEN",
        "What it wants to be shown; the same for it and for those who ask it.",
        at_least(16),
        secret=True,
        default_text="nothing",
    )
    clip_service_port: int = setting(
        "CLIP_SERVICE_PORT", "Port that it listens on; 0 is any free one.", whole(0, 65535), "8500"
    )
    clip_service_timeout_seconds: float = setting(
        "CLIP_SERVICE_TIMEOUT_SECONDS",
        "How long it is waited for, all tries together; then emotions are left out.",
        positive(60),
        "3",
        unit="seconds",
    )
    clip_service_max_images: int = setting(
        "CLIP_SERVICE_MAX_IMAGES", "The most faces of one request to it.", whole(1, 1024), "32", unit="faces"
    )
    clip_service_max_body_bytes: int = setting(
        "CLIP_SERVICE_MAX_BODY_BYTES",
        "The largest request to it; the default holds one picture of the largest size.",
        whole(1 << 20, 1 << 30),
        str(64 * 1024**2),
        unit="bytes",
    )

    # What is told about all that.
    log_format: str = setting(
        "LOG_FORMAT",
        f"How log lines look: {', '.join(LOG_FORMATS)}; auto is console on a terminal.",
        one_of(LOG_FORMATS),
        "auto",
    )
    log_level: str = setting(
        "LOG_LEVEL",
        f"The least that is logged: {', '.join(LOG_LEVELS)}.",
        one_of(LOG_LEVELS),
        "info",
    )
    debug: bool = setting(
        "FRAME_ANONYMIZATION_DEBUG",
        "Whether everything that happens is logged, and the parts of results are kept.",
        switch,
        "false",
    )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read and check the variables; an empty one counts as not set.

        Raises:
            InvalidSettingError: a variable has a value that is not allowed; the message names it.
        """
        values: dict[str, Any] = {name: described.read(environment) for name, described in variables()}
        settings = cls(**values)
        settings.require_consistent()
        return settings

    def require_consistent(self) -> None:
        """Refuse values that are allowed each and make no sense together.

        Raises:
            InvalidSettingError: some do not.
        """
        if not self.minio_endpoint:
            return
        for name, value in (
            ("MINIO_ACCESS_KEY", self.minio_access_key),
            ("MINIO_SECRET_KEY", self.minio_secret_key),
        ):
            if not value:
                raise InvalidSettingError(f"MINIO_ENDPOINT is set and {name} is not", f"set {name} too")


def variables() -> Iterator[tuple[str, Variable]]:
    """The name of every field of ``Settings`` with its variable, in the order they are documented in."""
    for one in fields(Settings):
        yield one.name, one.metadata["variable"]
