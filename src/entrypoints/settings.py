"""The environment, read once into one frozen struct; options of the command line override it."""

# Annotations are evaluated here, not kept as text: they carry the description of every variable.
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Self, get_type_hints

from adapters.vision.weights import models_folder
from domain.anonymization.request import Level, OutputFormat
from domain.errors import InvalidSettingError
from domain.identity import LONGEST_PASSWORD, SHORTEST_PASSWORD
from entrypoints.machine import available_cores
from entrypoints.variables import (
    Variable,
    address,
    at_least,
    one_of,
    parsed_by,
    path,
    positive,
    switch,
    text,
    whole,
)

PROVIDERS = ("auto", "cpu", "cuda", "tensorrt")
PRECISIONS = ("auto", "fp32", "int8")
MAX_THREADS = 256

_YEAR = 24 * 366.0
"""Hours."""


def data_folder(environment: Mapping[str, str]) -> Path:
    """The user's data folder as the XDG base directory specification has it."""
    data = environment.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser().absolute() / "framecloak"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What an installation is set up for; every field describes its variable.

    `framecloak settings` prints this table with the values in force.
    """

    # Models: what looks for faces, where, and with how much of the machine.
    models: Annotated[
        Path,
        Variable(
            "MODEL_PATH",
            path,
            models_folder,
            "Folder that holds the model files.",
            default_text="the user's cache folder",
        ),
    ]
    detector: Annotated[
        str,
        Variable(
            "FRAMECLOAK_DETECTOR", text, "auto", "What finds faces: auto, centerface or the name of a pack."
        ),
    ]
    provider: Annotated[
        str, Variable("FRAMECLOAK_PROVIDER", one_of(PROVIDERS), "auto", "What models run on.")
    ]
    precision: Annotated[
        str, Variable("FRAMECLOAK_PRECISION", one_of(PRECISIONS), "auto", "What models calculate with.")
    ]
    threads: Annotated[
        int,
        Variable(
            "FRAMECLOAK_THREADS",
            whole(1, MAX_THREADS),
            lambda _: available_cores(),
            "Frames worked on at the same time.",
            unit="threads",
            default_text="all cores there are",
        ),
    ]

    # Places: where everything is kept.
    data_dir: Annotated[
        Path,
        Variable(
            "DATA_DIR",
            path,
            data_folder,
            "Folder of the embedded servers, of stored objects and of the installation's key.",
            default_text="the user's data folder",
        ),
    ]
    temp_storage_path: Annotated[
        Path,
        Variable(
            "TEMP_STORAGE_PATH",
            path,
            lambda environment: (
                path(environment.get("DATA_DIR") or str(data_folder(environment))) / "scratch"
            ),
            "Folder for files that are needed for a moment; it holds unredacted frames, so keep it private.",
            default_text="scratch in DATA_DIR",
        ),
    ]
    database_url: Annotated[
        str,
        Variable(
            "DATABASE_URL",
            address("postgresql", "postgres", "postgresql+asyncpg"),
            "",
            "Postgres with pgvector.",
            secret=True,
            default_text="an embedded server",
        ),
    ] = field(repr=False)
    redis_url: Annotated[
        str,
        Variable(
            "REDIS_URL",
            address("redis", "rediss", "unix"),
            "",
            "Redis 6.2 or later, for the queue and for counting attempts.",
            secret=True,
            default_text="an embedded server",
        ),
    ] = field(repr=False)
    minio_endpoint: Annotated[
        str,
        Variable(
            "MINIO_ENDPOINT",
            text,
            "",
            "Host and port of an object store that speaks S3.",
            default_text="a folder in DATA_DIR",
        ),
    ]
    minio_access_key: Annotated[
        str,
        Variable("MINIO_ACCESS_KEY", text, "", "Who the service is to the object store.", secret=True),
    ] = field(repr=False)
    minio_secret_key: Annotated[
        str, Variable("MINIO_SECRET_KEY", text, "", "What it signs its calls with.", secret=True)
    ] = field(repr=False)
    minio_bucket: Annotated[
        str, Variable("MINIO_BUCKET", text, "framecloak", "Bucket of its objects; made when missing.")
    ]
    minio_region: Annotated[str, Variable("MINIO_REGION", text, "us-east-1", "Region of the bucket.")]
    minio_secure: Annotated[
        bool, Variable("MINIO_SECURE", switch, "true", "Whether the object store speaks HTTPS.")
    ]
    minio_public_endpoint: Annotated[
        str,
        Variable(
            "MINIO_PUBLIC_ENDPOINT",
            text,
            "",
            "The object store as browsers reach it.",
            default_text="MINIO_ENDPOINT",
        ),
    ]

    # The HTTP API and who may use it.
    host: Annotated[str, Variable("HOST", text, "127.0.0.1", "Address that the API listens on.")]
    port: Annotated[
        int, Variable("PORT", whole(0, 65535), "8000", "Port that the API listens on; 0 is any free one.")
    ]
    base_url: Annotated[
        str,
        Variable(
            "BASE_URL",
            address("http", "https"),
            "",
            "The API as its users reach it, when that is through a proxy.",
            default_text="addresses are relative",
        ),
    ]
    secret_key: Annotated[
        str,
        Variable(
            "SECRET_KEY",
            at_least(32),
            "",
            "What tokens and links are signed with; the same for all processes of an installation.",
            secret=True,
            default_text="made once and kept in DATA_DIR",
        ),
    ] = field(repr=False)
    session_cookie_secure: Annotated[
        bool,
        Variable(
            "SESSION_COOKIE_SECURE",
            switch,
            lambda environment: environment.get("BASE_URL", "").startswith("https://"),
            "Whether browsers send the session over HTTPS only.",
            default_text="whether BASE_URL is https",
        ),
    ]
    session_lifetime_hours: Annotated[
        float,
        Variable(
            "SESSION_LIFETIME_HOURS",
            positive(_YEAR),
            "12",
            "How long a browser stays signed in.",
            unit="hours",
        ),
    ]
    access_token_minutes: Annotated[
        float,
        Variable(
            "ACCESS_TOKEN_MINUTES",
            positive(24 * 60),
            "15",
            "How long an access token is good.",
            unit="minutes",
        ),
    ]
    refresh_token_hours: Annotated[
        float,
        Variable(
            "REFRESH_TOKEN_HOURS", positive(_YEAR), "168", "How long a refresh token is good.", unit="hours"
        ),
    ]
    rate_limit_per_account: Annotated[
        int,
        Variable(
            "RATE_LIMIT_PER_ACCOUNT",
            whole(0, 10_000_000),
            "100000",
            "Requests a minute that one account may make; 0 is any number.",
            unit="requests",
        ),
    ]
    rate_limit_per_address: Annotated[
        int,
        Variable(
            "RATE_LIMIT_PER_ADDRESS",
            whole(0, 10_000_000),
            "600",
            "Requests a minute that strangers may make from one address; 0 is any number.",
            unit="requests",
        ),
    ]
    trusted_proxies: Annotated[
        str,
        Variable(
            "TRUSTED_PROXIES",
            text,
            "",
            "Addresses of proxies whose X-Forwarded-For and X-Forwarded-Proto are believed, with commas.",
            default_text="nobody is believed",
        ),
    ]
    api_docs: Annotated[bool, Variable("API_DOCS", switch, "true", "Whether /schema/openapi.json is served.")]
    max_upload_bytes: Annotated[
        int,
        Variable(
            "MAX_UPLOAD_BYTES", whole(1, 1 << 50), str(10 * 1024**3), "The largest upload.", unit="bytes"
        ),
    ]
    admin_password: Annotated[
        str,
        Variable(
            "FRAMECLOAK_ADMIN_PASSWORD",
            at_least(SHORTEST_PASSWORD),
            "",
            f"Of the first administrator; {SHORTEST_PASSWORD} to {LONGEST_PASSWORD} characters.",
            secret=True,
            default_text="made and printed once",
        ),
    ] = field(repr=False)

    # Anonymisation: what a request may be, and how long things are kept.
    max_concurrent_requests: Annotated[
        int,
        Variable(
            "MAX_CONCURRENT_REQUESTS",
            whole(1, 1000),
            "5",
            "Requests that one worker process works on at the same time.",
            unit="requests",
        ),
    ]
    default_level: Annotated[
        Level,
        Variable(
            "DEFAULT_ANONYMIZATION_LEVEL",
            parsed_by(Level.parse, Level),
            Level.FACES.value,
            "The level of requests that name none.",
        ),
    ]
    default_output_format: Annotated[
        OutputFormat,
        Variable(
            "DEFAULT_OUTPUT_FORMAT",
            parsed_by(OutputFormat.parse, OutputFormat),
            OutputFormat.JPG.value,
            "The format of requests that name none.",
        ),
    ]
    max_frames_per_request: Annotated[
        int,
        Variable(
            "MAX_FRAMES_PER_REQUEST",
            whole(1, 100_000_000),
            "10000",
            "The most frames of one request.",
            unit="frames",
        ),
    ]
    download_token_expiry_hours: Annotated[
        float,
        Variable(
            "DOWNLOAD_TOKEN_EXPIRY_HOURS",
            positive(_YEAR),
            "24",
            "How long a download link waits to be used.",
            unit="hours",
        ),
    ]
    result_retention_hours: Annotated[
        float,
        Variable(
            "RESULT_RETENTION_HOURS", positive(100 * _YEAR), "168", "How long results are kept.", unit="hours"
        ),
    ]
    cleanup_interval_hours: Annotated[
        float,
        Variable(
            "CLEANUP_INTERVAL_HOURS", positive(_YEAR), "6", "How often what expired is removed.", unit="hours"
        ),
    ]
    worker_grace_seconds: Annotated[
        float,
        Variable(
            "WORKER_GRACE_SECONDS",
            positive(3600),
            "5",
            "How long a worker that is told to stop goes on with its requests before it gives them back.",
            unit="seconds",
        ),
    ]
    debug: Annotated[
        bool,
        Variable("FRAME_ANONYMIZATION_DEBUG", switch, "false", "Whether everything that happens is logged."),
    ]

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
    for name, hint in get_type_hints(Settings, include_extras=True).items():
        yield name, hint.__metadata__[0]
