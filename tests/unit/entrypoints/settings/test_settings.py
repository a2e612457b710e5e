"""Settings of an installation: their defaults, validation and presentation."""

from __future__ import annotations

import json
import re
from contextlib import nullcontext
from dataclasses import fields, replace
from pathlib import Path

import pytest

from framecloak.adapters.vision.runtime.onnx import Provider
from framecloak.adapters.vision.runtime.precision import Precision
from framecloak.domain.anonymization.model.options import Level
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.errors import InvalidSettingError
from framecloak.entrypoints.cli.main import main
from framecloak.entrypoints.settings import PRECISIONS, PROVIDERS, Settings, variables
from framecloak.entrypoints.settings.resources import available_cores

SECRETS = {
    "DATABASE_URL": "postgresql://user:hunter2@db/name",
    "REDIS_URL": "redis://:hunter2@queue:6379/0",
    "MINIO_ACCESS_KEY": "hunter2-access",
    "MINIO_SECRET_KEY": "hunter2-secret",
    "SECRET_KEY": "hunter2 and thirty-two characters",
    "FRAMECLOAK_ADMIN_PASSWORD": "hunter2 hunter2",
    "WEBHOOK_SECRET": "hunter2, known to receivers as well",
    "METRICS_TOKEN": "hunter2 for Prometheus",
    "OIDC_CLIENT_SECRET": "hunter2 at the identity provider",
    "GALLERY_KEY": "hunter2 that encrypts all the galleries",
    "GALLERY_OLD_KEYS": "hunter2 that encrypted the galleries, hunter2 that did so still earlier",
    "CLIP_SERVICE_URL": "http://user:hunter2@clip:8500",
    "CLIP_SERVICE_TOKEN": "hunter2 for the CLIP service",
}


@pytest.fixture
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Unset every variable of Framecloak, and keep all files below the returned folder."""
    for _, variable in variables():
        monkeypatch.delenv(variable.name, raising=False)
        monkeypatch.delenv(f"{variable.name}_FILE", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path


def test_settings_have_defaults() -> None:
    settings = Settings.from_environment({"XDG_CACHE_HOME": "/cache", "XDG_DATA_HOME": "/data"})
    assert settings.models == Path("/cache/framecloak/models")
    assert (settings.detector, settings.provider, settings.precision) == ("auto", "auto", "auto")
    assert settings.threads == available_cores() >= 1
    assert settings.data_dir == Path("/data/framecloak")
    assert settings.temp_storage_path == Path("/data/framecloak/scratch")
    assert (settings.database_url, settings.redis_url, settings.minio_endpoint) == ("", "", "")
    assert (settings.host, settings.port) == ("127.0.0.1", 8000)
    assert (settings.default_level, settings.default_output_format) == (Level.FACES, OutputFormat.JPG)
    assert (settings.session_cookie_secure, settings.debug) == (False, False)
    assert (settings.webhook_secret, settings.webhook_allow_private) == ("", False)
    assert settings.max_frames_per_request == 10_000


def test_settings_come_from_the_environment() -> None:
    environment = {
        "MODEL_PATH": "/models",
        "FRAMECLOAK_DETECTOR": "centerface",
        "FRAMECLOAK_PROVIDER": "cpu",
        "FRAMECLOAK_PRECISION": "int8",
        "FRAMECLOAK_THREADS": "3",
        "DATA_DIR": "/data",
        "BASE_URL": "https://faces.example/",
        "DEFAULT_ANONYMIZATION_LEVEL": "Minimal",
        "DEFAULT_OUTPUT_FORMAT": "PNG",
        "TEXT_DEVICE_TERMS": " NBI, Ward view,",
        "TEXT_PATTERNS": "case [0-9]+\n\nroom [0-9]{3,4}",
    }
    defaults = Settings.from_environment({})
    assert Settings.from_environment(environment) == replace(
        defaults,
        models=Path("/models"),
        detector="centerface",
        provider="cpu",
        precision="int8",
        threads=3,
        data_dir=Path("/data"),
        temp_storage_path=Path("/data/scratch"),
        base_url="https://faces.example",
        session_cookie_secure=True,
        default_level=Level.MINIMAL,
        default_output_format=OutputFormat.PNG,
        device_terms=("NBI", "Ward view"),
        text_patterns=("case [0-9]+", "room [0-9]{3,4}"),
    )
    assert Settings.from_environment(dict.fromkeys(environment, "")) == defaults


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("FRAMECLOAK_PROVIDER", "gpu"),
        ("FRAMECLOAK_PRECISION", "int4"),
        ("FRAMECLOAK_THREADS", "0"),
        ("FRAMECLOAK_THREADS", "1.5"),
        ("FRAMECLOAK_THREADS", "-2"),
        ("FRAMECLOAK_THREADS", "100000"),
        ("PORT", "65536"),
        ("BASE_URL", "faces.example"),
        ("MINIO_SECURE", "perhaps"),
        ("SESSION_LIFETIME_HOURS", "0"),
        ("TRUSTED_PROXIES", "proxy.example"),
        ("FRAME_ANCESTORS", "portal.example"),
        ("HSTS_SECONDS", "-1"),
        ("RATE_LIMIT_WINDOW_SECONDS", "0"),
        ("DEFAULT_ANONYMIZATION_LEVEL", "most"),
        ("DEFAULT_OUTPUT_FORMAT", "tiff"),
        ("MAX_UPLOAD_BYTES", "10GB"),
        ("WORKER_GRACE_SECONDS", "-1"),
        ("LEASE_SECONDS", "1"),
        ("FRAME_ANONYMIZATION_DEBUG", "2"),
        ("CLIP_EMOTIONS", "happy"),
        ("CLIP_EMOTIONS", "happy,happy"),
        ("CLIP_PROMPTS", "a {emotion} face|a face"),
        ("LOG_FORMAT", "xml"),
        ("LOG_LEVEL", "loud"),
        ("TEXT_DEVICE_TERMS", "NBI,x"),
        ("TEXT_PATTERNS", "(?=ward"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str) -> None:
    with pytest.raises(InvalidSettingError, match=re.escape(f"{name} is '{value}'")):
        Settings.from_environment({name: value})


@pytest.mark.parametrize(
    ("name", "value", "hint"),
    [
        ("FRAMECLOAK_ADMIN_PASSWORD", "hunter2", "12 to 1024 characters"),
        ("FRAMECLOAK_ADMIN_PASSWORD", "hunter2" * 200, "12 to 1024 characters"),
        ("SECRET_KEY", "hunter2", "at least 32 characters"),
        ("WEBHOOK_SECRET", "hunter2", "at least 32 characters"),
        ("GALLERY_KEY", "hunter2", "at least 32 characters"),
        ("GALLERY_KEY", "hunter2, and thirty-two characters", "without commas"),
        ("GALLERY_OLD_KEYS", "hunter2 and thirty-two characters,hunter2", "at least 32 characters"),
        ("DATABASE_URL", "mysql://user:hunter2@db/name", "postgresql://"),
        ("REDIS_URL", "http://:hunter2@queue", "redis://"),
    ],
)
def test_a_bad_secret_is_named_and_not_shown(name: str, value: str, hint: str) -> None:
    with pytest.raises(InvalidSettingError, match=rf"{name} is \*+") as caught:
        Settings.from_environment({name: value})
    assert hint in caught.value.hint
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("missing", ["MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"])
def test_an_object_store_needs_both_of_its_keys(missing: str) -> None:
    values = {
        "MINIO_ENDPOINT": "store:9000",
        "MINIO_ACCESS_KEY": "a",
        "MINIO_SECRET_KEY": "b",
        missing: "",
    }
    with pytest.raises(InvalidSettingError, match=f"MINIO_ENDPOINT is set and {missing} is not"):
        Settings.from_environment(values)


@pytest.mark.parametrize(
    ("public", "secure", "accepted"),
    [
        ("", "true", True),
        ("", "false", False),
        ("objects.example", "false", False),
        ("http://objects.example", "true", False),
        ("https://objects.example", "false", True),
    ],
)
def test_originals_are_not_sent_unencrypted_by_a_service_on_https(
    public: str, secure: str, accepted: bool
) -> None:
    environment = {
        "MINIO_ENDPOINT": "store:9000",
        "MINIO_ACCESS_KEY": "a",
        "MINIO_SECRET_KEY": "b",
        "MINIO_PUBLIC_ENDPOINT": public,
        "MINIO_SECURE": secure,
    }
    assert Settings.from_environment(environment).minio_endpoint
    with nullcontext() if accepted else pytest.raises(InvalidSettingError, match="in clear"):
        Settings.from_environment({**environment, "BASE_URL": "https://framecloak.example"})


def test_secrets_are_nowhere_but_in_their_fields(bare_environment: Path) -> None:
    del bare_environment
    settings = Settings.from_environment(SECRETS)
    assert "hunter2" not in repr(settings)
    assert settings.database_url == SECRETS["DATABASE_URL"]
    assert {variable.name for _, variable in variables() if variable.secret} == set(SECRETS)


def test_every_field_has_one_variable_with_a_description() -> None:
    names = [variable.name for _, variable in variables()]
    assert [name for name, _ in variables()] == [field.name for field in fields(Settings)]
    assert len(set(names)) == len(names)
    for _, variable in variables():
        assert variable.description[0].isupper()
        assert variable.description.endswith(".")


def test_providers_and_precisions_are_those_of_the_runtime() -> None:
    assert list(PROVIDERS) == list(Provider)
    assert list(PRECISIONS) == list(Precision)


def test_the_command_prints_every_setting_as_json_without_secrets(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = bare_environment / "secret"
    secret.write_text(SECRETS["SECRET_KEY"])
    for name, value in (SECRETS | {"SECRET_KEY": "", "SECRET_KEY_FILE": str(secret), "PORT": "0"}).items():
        monkeypatch.setenv(name, value)
    assert main(["settings", "--json"]) == 0
    printed = capsys.readouterr().out
    assert "hunter2" not in printed
    rows = {row["name"]: row for row in json.loads(printed)}
    assert list(rows) == [variable.name for _, variable in variables()]
    assert {name for name, row in rows.items() if row["set"]} == {*SECRETS, "PORT"}
    assert {name for name, row in rows.items() if row["secret"]} == set(SECRETS)
    assert rows["DATABASE_URL"]["value"] == "postgresql://user:********@db/name"
    assert rows["REDIS_URL"]["value"] == "redis://:********@queue:6379/0"
    assert rows["SECRET_KEY"]["value"] == "********"
    assert (rows["PORT"]["value"], rows["PORT"]["default"]) == ("0", "8000")
    assert (rows["REFRESH_TOKEN_HOURS"]["value"], rows["REFRESH_TOKEN_HOURS"]["unit"]) == ("168.0", "hours")
    assert rows["API_DOCS"]["value"] == "true"
    assert rows["DATA_DIR"]["value"] == str(bare_environment / "data" / "framecloak")


def test_the_table_fits_80_columns_and_loses_nothing(
    bare_environment: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    long = bare_environment / ("a-folder-with-quite-a-long-name-" * 5)
    for name, value in (SECRETS | {"DATA_DIR": str(long), "COLUMNS": "80"}).items():
        monkeypatch.setenv(name, value)
    assert main(["settings"]) == 0
    printed = capsys.readouterr().out
    lines = printed.splitlines()
    assert max(len(line) for line in lines) <= 80
    assert "…" not in printed
    assert "hunter2" not in printed
    # The second column, with the line breaks taken out again.
    values = "".join(line.split("│")[2].strip() for line in lines if line.count("│") == 3)
    assert str(long) in values
    names = [line.split("│")[1].strip() for line in lines if line.count("│") == 3]
    assert [name for name in names if name] == [variable.name for _, variable in variables()]
    words = " ".join(line.split("│")[2].strip() for line in lines if line.count("│") == 3)
    for _, variable in variables():
        assert variable.description in words


@pytest.mark.parametrize(
    "arguments",
    [
        ["settings"],
        ["serve"],
        ["demo"],
        ["api"],
        ["worker"],
        ["redact", "in.mp4", "-o", "out.zip"],
        ["anonymize-frames", "--list-requests"],
        ["videos", "list"],
        ["users", "list"],
        ["db", "current"],
    ],
)
def test_a_bad_setting_stops_every_command_that_uses_settings(
    arguments: list[str],
    bare_environment: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(bare_environment)
    monkeypatch.setenv("MAX_CONCURRENT_REQUESTS", "many")
    assert main(arguments) == 26
    captured = capsys.readouterr()
    (line,) = captured.err.splitlines()
    assert line.startswith("framecloak: MAX_CONCURRENT_REQUESTS is 'many': ")
    assert captured.out == ""
    assert list(bare_environment.iterdir()) == []
