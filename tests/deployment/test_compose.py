"""The compose files, checked without a container engine."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from framecloak.entrypoints.asgi.uvicorn_server import DRAIN_SECONDS
from framecloak.entrypoints.cli.main import framecloak
from framecloak.entrypoints.settings import Settings
from support.deployment_files import DOCKER, ROOT, known_variables, read_compose, read_dockerfile

BASE = "compose.yaml"
COMBINATIONS = ((BASE,), (BASE, "compose.gpu.yaml"), (BASE, "compose.monitoring.yaml"))
ROLES = {"migrate", "api", "worker", "upkeep", "clip-service"}
SECRETS = "/run/secrets/"


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    folder = files("check_jsonschema") / "builtin_schemas" / "vendor"
    document: dict[str, Any] = json.loads((folder / "compose-spec.json").read_text("utf-8"))
    return document


@pytest.fixture(scope="module", params=COMBINATIONS, ids=" + ".join)
def compose(request: pytest.FixtureRequest) -> dict[str, Any]:
    return read_compose(*request.param)


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Create the secrets with the script and return their folder."""
    folder = tmp_path_factory.mktemp("secrets") / "made"
    subprocess.run([DOCKER / "make-secrets", folder], check=True, capture_output=True)
    return folder


def seconds(duration: str) -> float:
    return float(duration.removesuffix("s"))


@pytest.mark.parametrize("name", sorted(path.name for path in DOCKER.glob("compose*.yaml")))
def test_files_are_valid_by_the_compose_specification(schema: dict[str, Any], name: str) -> None:
    errors = list(Draft7Validator(schema).iter_errors(yaml.safe_load((DOCKER / name).read_text("utf-8"))))
    assert not errors


def test_roles_run_commands_of_the_program_on_images_of_the_dockerfile(compose: dict[str, Any]) -> None:
    dockerfile = read_dockerfile()
    assert set(compose["services"]) >= ROLES
    for name in ROLES:
        service = compose["services"][name]
        assert service["build"]["target"] in dockerfile.stages
        assert (DOCKER / service["build"]["context"]).resolve() == ROOT
        assert (ROOT / service["build"]["dockerfile"]).is_file()
        command, *arguments = service["command"]
        found = framecloak.get_command(None, command)  # type: ignore[arg-type] - it needs no context
        assert found is not None
        found.make_context(command, list(arguments))


def test_every_variable_is_a_setting_of_the_program(compose: dict[str, Any]) -> None:
    known = known_variables()
    for name in ROLES:
        for variable, value in compose["services"][name]["environment"].items():
            described = known[variable]
            if variable.endswith("_FILE"):
                assert value.startswith(SECRETS)
            else:
                text = re.sub(r"\$\{\w+:-(.*?)\}", r"\1", value)
                assert not described.secret or variable == "CLIP_SERVICE_URL", variable
                assert not text or described.parse(text) is not None


def test_secrets_come_from_files_that_the_script_creates(compose: dict[str, Any], secrets: Path) -> None:
    declared = compose["secrets"]
    for name, secret in declared.items():
        assert secret == {"file": f"secrets/{name}"}
        assert (secrets / name).stat().st_size > 0
    for service in compose["services"].values():
        mounted = set(service.get("secrets", ()))
        read = {
            value.removeprefix(SECRETS)
            for value in service.get("environment", {}).values()
            if value.startswith(SECRETS)
        }
        read |= set(re.findall(rf"{SECRETS}(\w+)", f"{service.get('command')} {service.get('healthcheck')}"))
        if "./prometheus:/etc/prometheus:ro" in service.get("volumes", ()):
            read |= set(re.findall(rf"{SECRETS}(\w+)", (DOCKER / "prometheus/prometheus.yml").read_text()))
        assert read == mounted <= set(declared)


def test_the_secrets_are_valid_settings_and_survive_a_second_run(secrets: Path) -> None:
    before = {path.name: path.read_bytes() for path in secrets.iterdir()}
    done = subprocess.run([DOCKER / "make-secrets", secrets], check=True, capture_output=True, text=True)
    assert done.stdout == ""
    assert {path.name: path.read_bytes() for path in secrets.iterdir()} == before
    assert secrets.stat().st_mode & 0o777 == 0o700

    environment = {
        name: value.replace(SECRETS, f"{secrets}/")
        for name, value in read_compose(BASE)["services"]["api"]["environment"].items()
        if not value.startswith("${")
    }
    settings = Settings.from_environment(environment)
    password = (secrets / "postgres_password").read_text()
    assert settings.database_url == f"postgresql://framecloak:{password}@postgres:5432/framecloak"
    assert len({before[name] for name in before}) == len(before)


def test_nothing_secret_is_in_git() -> None:
    tracked = subprocess.run(
        ["git", "ls-files", "docker"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout
    assert "secrets/" not in tracked
    assert "/docker/secrets/" in (ROOT / ".gitignore").read_text("utf-8").splitlines()


def test_every_service_is_hardened_and_has_a_read_only_file_system(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["read_only"] is True, name
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert "privileged" not in service, name
        assert "/tmp" in service.get("tmpfs", ()) or name == "prometheus", name
        # Access to the Docker socket means root on the host.
        assert "docker.sock" not in str(service)


def test_services_wait_for_their_dependencies(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name in ("api", "worker", "upkeep"):
        assert services[name]["depends_on"] == {
            "migrate": {"condition": "service_completed_successfully"},
            "redis": {"condition": "service_healthy"},
            "minio": {"condition": "service_healthy"},
        }
    for service in services.values():
        for needed, dependency in service.get("depends_on", {}).items():
            if dependency["condition"] == "service_healthy":
                assert services[needed]["healthcheck"]["test"]


def test_containers_have_time_to_stop() -> None:
    services = read_compose(BASE)["services"]
    grace = float(services["worker"]["environment"]["WORKER_GRACE_SECONDS"])
    # As in `framecloak serve`: extra time to release unfinished slices.
    assert seconds(services["worker"]["stop_grace_period"]) >= grace + 10
    assert (
        seconds(services["upkeep"]["stop_grace_period"])
        >= Settings.from_environment({}).worker_grace_seconds + 10
    )
    assert seconds(services["api"]["stop_grace_period"]) >= DRAIN_SECONDS + 5


def test_ports_are_published_on_localhost_by_default(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for port in service.get("ports", ()):
            assert re.fullmatch(r"\$\{\w+_ADDRESS:-127\.0\.0\.1:(\d+)\}:\1", port), port
    assert compose["services"]["api"]["ports"][0].endswith(f":{known_variables()['PORT'].default}")


def test_third_party_images_have_a_version_and_a_variable_for_a_digest(compose: dict[str, Any]) -> None:
    for name in set(compose["services"]) - ROLES:
        assert re.fullmatch(r"[\w./-]+:[\w.-]+\$\{\w+_DIGEST:-\}", compose["services"][name]["image"])


def test_mounted_files_exist_and_volumes_are_declared(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        for volume in service.get("volumes", ()):
            if isinstance(volume, dict):
                assert (name, volume["target"]) == ("clip-service", "/opt/models/clip")
                continue
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DOCKER / source).exists(), source
            elif ":" in volume:
                assert source in compose["volumes"], source


def test_redis_is_persistent_evicts_nothing_and_has_a_password(compose: dict[str, Any]) -> None:
    command = compose["services"]["redis"]["command"][-1]
    assert "appendonly yes" in command
    assert "noeviction" in command  # evicted keys would be jobs
    assert "requirepass %s" in command
    done = subprocess.run(
        [
            "bash",
            "-c",
            command.replace("$$", "$").replace("exec redis-server -", "cat").replace(SECRETS, "./"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[:2] == ["appendonly yes", "appendfsync everysec"]


def test_prometheus_scrapes_existing_services() -> None:
    scraped = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text("utf-8"))["scrape_configs"]
    dockerfile, services = read_dockerfile(), read_compose(BASE)["services"]
    for job in scraped:
        for lookup in job["dns_sd_configs"]:
            for name in lookup["names"]:
                target = services[name]["build"]["target"]
                assert str(lookup["port"]) in [
                    words for instruction, words in dockerfile.steps(target) if instruction == "EXPOSE"
                ]


def test_the_dashboard_is_mounted_in_grafana() -> None:
    provisioning = DOCKER / "grafana" / "provisioning"
    dashboards = yaml.safe_load((provisioning / "dashboards" / "framecloak.yaml").read_text("utf-8"))
    folder = dashboards["providers"][0]["options"]["path"]
    compose = read_compose(BASE, "compose.monitoring.yaml")["services"]
    assert f"./grafana/framecloak.json:{folder}/framecloak.json:ro" in compose["grafana"]["volumes"]
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yaml").read_text("utf-8"))[
        "datasources"
    ]
    assert source["url"] == "http://prometheus:9090"


def test_the_gpu_is_for_the_worker_alone() -> None:
    services = read_compose(BASE, "compose.gpu.yaml")["services"]
    assert services["worker"]["build"]["target"] == "worker-gpu"
    reserved = {name for name, service in services.items() if "devices" in str(service.get("deploy", ""))}
    assert reserved == {"worker"}


def test_commands_of_the_readme_name_files_and_services_that_exist() -> None:
    text = (DOCKER / "README.md").read_text("utf-8")
    services = read_compose(BASE, "compose.monitoring.yaml")["services"]
    written = "\n".join(re.findall(r"```console\n(.*?)```", text, re.DOTALL))
    for line in written.replace("\\\n", " ").splitlines():
        words = shlex.split(line)
        for name in re.findall(r"docker/[\w./-]+", line):
            made = name.startswith("docker/secrets") or name == "docker/.env"
            assert made or (ROOT / name).exists(), name
        if "exec" in words:
            service, program, *command = words[words.index("exec") + 1 :]
            assert service in services
            assert program == "framecloak"
            assert framecloak.get_command(None, command[0]) is not None  # type: ignore[arg-type] - as above
    variables = set(
        re.findall(r"`(\w+_(?:DIGEST|ADDRESS|FOLDER|ENDPOINT)|WORKERS|BASE_URL|TRUSTED_PROXIES)", text)
    )
    everything = "".join(path.read_text("utf-8") for path in [*DOCKER.glob("*.yaml"), DOCKER / "Dockerfile"])
    assert variables
    assert all(name in everything for name in variables)
    assert os.access(DOCKER / "make-secrets", os.X_OK)


def test_data_folders_are_on_named_volumes() -> None:
    base = read_compose(BASE)
    for name in ("api", "worker", "upkeep"):
        (volume,) = base["services"][name]["volumes"]
        source, _, folder = volume.partition(":")
        # An anonymous volume would stay on the host, with unredacted data that nothing cleans up.
        assert source in base["volumes"]
        assert folder == read_dockerfile().environment(base["services"][name]["build"]["target"])["DATA_DIR"]


def test_a_signal_to_stop_reaches_redis(tmp_path: Path) -> None:
    secret, folder = tmp_path / "redis_password", tmp_path / "bin"
    secret.write_text("a password")
    folder.mkdir()
    server = folder / "redis-server"
    server.write_text('#!/bin/bash\ntrap "exit 42" TERM\ncat\necho begun\nwhile true; do sleep 0.05; done\n')
    server.chmod(0o755)
    command = [word.replace("$$", "$") for word in read_compose(BASE)["services"]["redis"]["command"]]
    command[-1] = command[-1].replace(f"{SECRETS}redis_password", str(secret))
    environment = {"PATH": f"{folder}:/usr/bin:/bin"}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        lines = [next(process.stdout) for _ in range(5)]
        process.terminate()
        assert process.wait(20) == 42
    assert lines[-2:] == ["requirepass a password\n", "begun\n"]
