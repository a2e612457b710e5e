"""The Kubernetes example, as far as it can be checked without a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from framecloak.entrypoints.asgi.uvicorn_server import DRAIN_SECONDS
from framecloak.entrypoints.cli.main import framecloak
from framecloak.entrypoints.settings import Settings
from support.deployment_files import DOCKER, known_variables, read_compose, read_dockerfile, read_kubernetes

OURS = ("Deployment", "Job")
NOT_OF_KUBERNETES = ("PodMonitor", "ScaledObject")
SECRETS = "/run/secrets/framecloak/"


def pods() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Every workload with the specification of its pods."""
    for found in read_kubernetes():
        if found["kind"] in OURS:
            yield found, found["spec"]["template"]["spec"]


def one(kind: str, name: str) -> dict[str, Any]:
    (found,) = [o for o in read_kubernetes() if (o["kind"], o["metadata"]["name"]) == (kind, name)]
    return found


@pytest.mark.parametrize(
    "found", read_kubernetes(), ids=lambda found: f"{found['kind']} {found['metadata']['name']}"
)
def test_it_is_what_kubernetes_takes(found: dict[str, Any]) -> None:
    if found["kind"] in NOT_OF_KUBERNETES:
        assert set(found) == {"apiVersion", "kind", "metadata", "spec"}
    else:
        kubernetes_validate.validate(found, kubernetes_validate.latest_version(), strict=True)


def test_kustomize_applies_every_file() -> None:
    folder = DOCKER / "kubernetes"
    named = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert {*named, "kustomization.yaml"} == {path.name for path in folder.iterdir()}


def test_there_is_one_of_each_workload() -> None:
    assert sorted((found["kind"], found["metadata"]["name"]) for found, _ in pods()) == [
        ("Deployment", "framecloak-api"),
        ("Deployment", "framecloak-upkeep"),
        ("Deployment", "framecloak-worker"),
        ("Job", "framecloak-migrate"),
    ]


def test_they_run_commands_of_the_program_on_images_of_the_dockerfile() -> None:
    dockerfile = read_dockerfile()
    for _, pod in pods():
        (container,) = pod["containers"]
        image = container["image"].rpartition("/")[2].partition(":")[0]
        assert image.removeprefix("framecloak-") in dockerfile.stages
        name, *arguments = container["args"]
        command = framecloak.get_command(None, name)  # type: ignore[arg-type] - it needs no context
        assert command is not None
        command.make_context(name, list(arguments))
        for port in container.get("ports", ()):
            exposed = [
                words
                for what, words in dockerfile.steps(image.removeprefix("framecloak-"))
                if what == "EXPOSE"
            ]
            assert str(port["containerPort"]) in exposed


def test_every_variable_is_one_that_the_program_reads_and_no_secret_is_in_clear() -> None:
    known = known_variables()
    made = set(read_compose("compose.yaml")["secrets"])
    for name, value in one("ConfigMap", "framecloak")["data"].items():
        if name.endswith("_FILE"):
            assert value.removeprefix(SECRETS) in made
        else:
            assert not known[name].secret
            known[name].parse(value)
    assert not [found for found in read_kubernetes() if found["kind"] == "Secret"]
    for _, pod in pods():
        (container,) = pod["containers"]
        for variable in container.get("env", ()):
            assert not known[variable["name"]].secret
            known[variable["name"]].parse(variable["value"])
        assert {"name": "secrets", "mountPath": SECRETS.rstrip("/"), "readOnly": True} in container[
            "volumeMounts"
        ]


def test_pods_may_do_little() -> None:
    for _, pod in pods():
        (container,) = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["limits"]["memory"]
        assert {mount["mountPath"] for mount in container["volumeMounts"]} >= {"/data", "/tmp"}
        assert {mount["name"] for mount in container["volumeMounts"]} == {
            volume["name"] for volume in pod["volumes"]
        }


def test_every_deployment_is_probed_with_what_exists() -> None:
    for found, pod in pods():
        if found["kind"] != "Deployment":
            continue
        (container,) = pod["containers"]
        assert {"startupProbe", "livenessProbe"} <= set(container)
        for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
            probe = container.get(kind)
            if probe and "exec" in probe:
                program, command, part = probe["exec"]["command"]
                assert program == "framecloak"
                framecloak.get_command(None, command).make_context(command, [part])  # type: ignore[arg-type,union-attr]
            elif probe:
                assert probe["httpGet"] == {"path": "/health", "port": "http"}


def test_nobody_is_killed_before_its_time() -> None:
    settings = Settings.from_environment(
        {"WORKER_GRACE_SECONDS": one("ConfigMap", "framecloak")["data"]["WORKER_GRACE_SECONDS"]}
    )
    grace = {found["metadata"]["name"]: pod.get("terminationGracePeriodSeconds") for found, pod in pods()}
    assert grace["framecloak-worker"] >= settings.worker_grace_seconds + 10
    assert grace["framecloak-api"] >= DRAIN_SECONDS + 5


def test_what_workers_are_scaled_by_is_scraped() -> None:
    written = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    monitors = [found for found in read_kubernetes() if found["kind"] == "PodMonitor"]
    jobs, scraped = set(), set()
    for monitor in monitors:
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["path"] == "/metrics"
        (renamed,) = endpoint["relabelings"]
        assert renamed["targetLabel"] == "job"
        jobs.add(renamed["replacement"])
        for found, pod in pods():
            if selects(monitor["spec"]["selector"], found["spec"]["template"]["metadata"]["labels"]):
                scraped.add(found["metadata"]["name"])
                assert endpoint["port"] in [port["name"] for port in pod["containers"][0]["ports"]]
        if "authorization" in endpoint:
            secret = endpoint["authorization"]["credentials"]
            mounted = {volume["secret"]["secretName"] for _, pod in pods() for volume in pod["volumes"][:1]}
            assert {secret["name"]} == mounted
            read = one("ConfigMap", "framecloak")["data"]["METRICS_TOKEN_FILE"]
            assert read == f"{SECRETS}{secret['key']}"
    assert jobs == {job["job_name"] for job in written["scrape_configs"]}
    assert scraped == {"framecloak-api", "framecloak-worker", "framecloak-upkeep"}


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Whether a selector of labels takes something."""
    return all(labels.get(key) == value for key, value in selector["matchLabels"].items()) and all(
        labels.get(one["key"]) in one["values"] for one in selector.get("matchExpressions", ())
    )


def test_workers_are_scaled_on_how_long_requests_wait() -> None:
    scaled = one("ScaledObject", "framecloak-worker")["spec"]
    assert scaled["scaleTargetRef"]["name"] == one("Deployment", "framecloak-worker")["metadata"]["name"]
    # Whoever counts replicas would undo what the scaler does at every apply.
    assert "replicas" not in one("Deployment", "framecloak-worker")["spec"]
    assert scaled["minReplicaCount"] >= 1
    dashboard = (DOCKER / "grafana" / "framecloak.json").read_text("utf-8")
    queries = [trigger["metadata"]["query"] for trigger in scaled["triggers"]]
    assert "framecloak_oldest_waiting_seconds" in queries[0]
    # Kubernetes multiplies a metric that is no average by the pods that there are.
    assert {trigger["metricType"] for trigger in scaled["triggers"]} == {"AverageValue"}
    settings = one("ConfigMap", "framecloak")["data"]
    assert scaled["maxReplicaCount"] <= int(settings["MAX_CONCURRENT_REQUESTS"])
    for query in queries:
        # What the dashboard asks for is held against what is told, in tests/http/test_dashboards.py.
        assert query.removeprefix("max(").partition(")")[0] in dashboard


def test_workers_use_the_cores_that_they_asked_for() -> None:
    (container,) = one("Deployment", "framecloak-worker")["spec"]["template"]["spec"]["containers"]
    given = {variable["name"]: variable["value"] for variable in container["env"]}
    assert given["FRAMECLOAK_THREADS"] == container["resources"]["requests"]["cpu"]
