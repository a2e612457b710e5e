"""The Kubernetes example, checked without a cluster."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import kubernetes_validate
import pytest
import yaml

from framecloak.entrypoints.asgi.uvicorn_server import DRAIN_SECONDS
from framecloak.entrypoints.cli.main import framecloak
from framecloak.entrypoints.settings import Settings
from framecloak.entrypoints.worker.memory_limit import DEFAULT_SHARE
from support.deployment_files import DOCKER, known_variables, read_compose, read_dockerfile, read_kubernetes

WORKLOAD_KINDS = ("Deployment", "Job")
CUSTOM_RESOURCES = ("PodMonitor", "ScaledObject")
SECRETS = "/run/secrets/framecloak/"


def pods() -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yield every workload with the specification of its pods."""
    for workload in read_kubernetes():
        if workload["kind"] in WORKLOAD_KINDS:
            yield workload, workload["spec"]["template"]["spec"]


def resource(kind: str, name: str) -> dict[str, Any]:
    (matching,) = [
        candidate
        for candidate in read_kubernetes()
        if (candidate["kind"], candidate["metadata"]["name"]) == (kind, name)
    ]
    return matching


@pytest.mark.parametrize(
    "document", read_kubernetes(), ids=lambda document: f"{document['kind']} {document['metadata']['name']}"
)
def test_resources_are_valid(document: dict[str, Any]) -> None:
    if document["kind"] in CUSTOM_RESOURCES:
        assert set(document) == {"apiVersion", "kind", "metadata", "spec"}
    else:
        kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


def test_kustomize_applies_every_file() -> None:
    folder = DOCKER / "kubernetes"
    named = yaml.safe_load((folder / "kustomization.yaml").read_text("utf-8"))["resources"]
    assert {*named, "kustomization.yaml"} == {path.name for path in folder.iterdir()}


def test_there_is_one_of_each_workload() -> None:
    assert sorted((workload["kind"], workload["metadata"]["name"]) for workload, _ in pods()) == [
        ("Deployment", "framecloak-api"),
        ("Deployment", "framecloak-upkeep"),
        ("Deployment", "framecloak-worker"),
        ("Job", "framecloak-migrate"),
    ]


def test_pods_run_commands_of_the_program_on_images_of_the_dockerfile() -> None:
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
                for instruction, words in dockerfile.steps(image.removeprefix("framecloak-"))
                if instruction == "EXPOSE"
            ]
            assert str(port["containerPort"]) in exposed


def test_every_variable_is_a_setting_and_no_secret_is_in_plain_text() -> None:
    known = known_variables()
    made = set(read_compose("compose.yaml")["secrets"])
    for name, value in resource("ConfigMap", "framecloak")["data"].items():
        if name.endswith("_FILE"):
            assert value.removeprefix(SECRETS) in made
        else:
            assert not known[name].secret
            known[name].parse(value)
    assert not [workload for workload in read_kubernetes() if workload["kind"] == "Secret"]
    for _, pod in pods():
        (container,) = pod["containers"]
        for variable in container.get("env", ()):
            assert not known[variable["name"]].secret
            known[variable["name"]].parse(variable["value"])
        assert {"name": "secrets", "mountPath": SECRETS.rstrip("/"), "readOnly": True} in container[
            "volumeMounts"
        ]


def test_pods_have_minimal_privileges() -> None:
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


def test_every_deployment_has_probes_with_existing_commands() -> None:
    for workload, pod in pods():
        if workload["kind"] != "Deployment":
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


def test_pods_have_time_to_stop() -> None:
    settings = Settings.from_environment(
        {"WORKER_GRACE_SECONDS": resource("ConfigMap", "framecloak")["data"]["WORKER_GRACE_SECONDS"]}
    )
    grace = {
        workload["metadata"]["name"]: pod.get("terminationGracePeriodSeconds") for workload, pod in pods()
    }
    assert grace["framecloak-worker"] >= settings.worker_grace_seconds + 10
    assert grace["framecloak-api"] >= DRAIN_SECONDS + 5


def test_metrics_for_scaling_workers_are_scraped() -> None:
    prometheus = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    monitors = [workload for workload in read_kubernetes() if workload["kind"] == "PodMonitor"]
    jobs, scraped = set(), set()
    for monitor in monitors:
        (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
        assert endpoint["path"] == "/metrics"
        (renamed,) = endpoint["relabelings"]
        assert renamed["targetLabel"] == "job"
        jobs.add(renamed["replacement"])
        for workload, pod in pods():
            if selects(monitor["spec"]["selector"], workload["spec"]["template"]["metadata"]["labels"]):
                scraped.add(workload["metadata"]["name"])
                assert endpoint["port"] in [port["name"] for port in pod["containers"][0]["ports"]]
        if "authorization" in endpoint:
            secret = endpoint["authorization"]["credentials"]
            mounted = {volume["secret"]["secretName"] for _, pod in pods() for volume in pod["volumes"][:1]}
            assert {secret["name"]} == mounted
            read = resource("ConfigMap", "framecloak")["data"]["METRICS_TOKEN_FILE"]
            assert read == f"{SECRETS}{secret['key']}"
    assert jobs == {job["job_name"] for job in prometheus["scrape_configs"]}
    assert scraped == {"framecloak-api", "framecloak-worker", "framecloak-upkeep"}


def selects(selector: dict[str, Any], labels: dict[str, str]) -> bool:
    """Return whether a label selector matches some labels."""
    return all(labels.get(key) == value for key, value in selector["matchLabels"].items()) and all(
        labels.get(expression["key"]) in expression["values"]
        for expression in selector.get("matchExpressions", ())
    )


def test_workers_are_scaled_by_waiting_time() -> None:
    scaled = resource("ScaledObject", "framecloak-worker")["spec"]
    assert scaled["scaleTargetRef"]["name"] == resource("Deployment", "framecloak-worker")["metadata"]["name"]
    # A replica count would undo the scaling at every apply.
    assert "replicas" not in resource("Deployment", "framecloak-worker")["spec"]
    assert scaled["minReplicaCount"] >= 1
    dashboard = (DOCKER / "grafana" / "framecloak.json").read_text("utf-8")
    queries = [trigger["metadata"]["query"] for trigger in scaled["triggers"]]
    assert "framecloak_oldest_waiting_seconds" in queries[0]
    # Kubernetes multiplies other metrics by the number of pods.
    assert {trigger["metricType"] for trigger in scaled["triggers"]} == {"AverageValue"}
    settings = resource("ConfigMap", "framecloak")["data"]
    assert scaled["maxReplicaCount"] <= int(settings["MAX_CONCURRENT_REQUESTS"])
    for query in queries:
        # tests/http/test_dashboards.py checks the queries of the dashboard against the served metrics.
        assert query.removeprefix("max(").partition(")")[0] in dashboard


def test_workers_use_the_requested_cores() -> None:
    (container,) = resource("Deployment", "framecloak-worker")["spec"]["template"]["spec"]["containers"]
    environment = {variable["name"]: variable["value"] for variable in container["env"]}
    assert environment["FRAMECLOAK_THREADS"] == container["resources"]["requests"]["cpu"]


def test_workers_have_room_for_two_gigabytes() -> None:
    """A worker with two threads at 1080p needs less, and one above its share of the limit takes no work."""
    (container,) = resource("Deployment", "framecloak-worker")["spec"]["template"]["spec"]["containers"]
    memory = container["resources"]["limits"]["memory"]
    assert memory.endswith("Gi")
    assert DEFAULT_SHARE * int(memory.removesuffix("Gi")) > 2
    assert int(container["resources"]["requests"]["memory"].removesuffix("Gi")) > 2
