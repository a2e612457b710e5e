"""Dashboards and alerts use only metrics and labels that exist."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from framecloak.adapters.metrics.api import ApiMetrics
from framecloak.adapters.metrics.prometheus import (
    PrometheusMeter,
    exposition,
    process_registry,
    register_memory_gauges,
)
from framecloak.domain.operations.service_metrics import ServiceMetrics
from framecloak.domain.ports.metrics import SliceOutcome, Stage
from support.http.api import Api

DOCKER = Path(__file__).parents[2] / "docker"
DASHBOARD = DOCKER / "grafana" / "framecloak.json"
ALERTS = DOCKER / "prometheus" / "alerts.yml"

METRIC = re.compile(r"\b(?:framecloak|process|python)_\w+")
MATCHERS = re.compile(r"(\w+)\{([^}]*)\}")
LABEL = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")
GROUPING = re.compile(r"\bby \(([^)]*)\)")

Labels = dict[str, set[str]]


@pytest.fixture
async def exposed(api: Api) -> Labels:
    """Return every metric that an API or a worker can expose, with its labels."""
    metrics: ApiMetrics = api.services.metrics
    service_metrics: ServiceMetrics = api.services.use_cases.service_metrics
    metrics.response_started("getVideo", "GET", 404, 0.1, "video_not_found")
    api.world.queue.unavailable = True
    metrics.update((await service_metrics.read())[0])
    degraded = metrics.exposition("")[0]
    api.world.queue.unavailable = False
    metrics.update(await service_metrics._collect())
    registry = process_registry("1", "worker")
    register_memory_gauges(registry, 1, lambda: True)
    meter = PrometheusMeter(registry)
    meter.slice_ended("frames", SliceOutcome.DONE, 1.0)
    meter.stage(Stage.STORE, 1.0)
    meter.slice_failed("storage_full")
    meter.retried("slice")
    labels_by_metric: Labels = defaultdict(set)
    for text in (degraded, metrics.exposition("")[0], exposition(registry, "")[0]):
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                labels_by_metric[sample.name] |= set(sample.labels)
    return labels_by_metric


def panels() -> list[dict[str, Any]]:
    dashboard_panels: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return dashboard_panels


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())


def test_every_queried_metric_exists_and_every_metric_is_queried(exposed: Labels) -> None:
    queried = {name for text in expressions() for name in METRIC.findall(text)}
    assert queried <= set(exposed), queried - set(exposed)
    ours = {name.removesuffix("_bucket") for name in exposed if name.startswith("framecloak_")}
    metrics = {name for name in ours if not name.endswith(("_created", "_sum", "_count"))}
    used = {re.sub("_(bucket|sum|count)$", "", name) for name in queried}
    assert metrics <= used, metrics - used


def test_every_queried_label_exists(exposed: Labels) -> None:
    common = {"instance", "job"}
    for text in expressions():
        names = METRIC.findall(text)
        for name, matchers in MATCHERS.findall(text):
            if name in exposed:
                assert set(LABEL.findall(matchers)) <= exposed[name] | common, text
        available = set[str]().union(*(exposed[name] for name in names)) | common
        for grouping in GROUPING.findall(text):
            assert {label.strip() for label in grouping.split(",")} <= available, text


def test_the_set_of_labels_is_fixed(exposed: Labels) -> None:
    labels = {label for name, names in exposed.items() if name.startswith("framecloak_") for label in names}
    assert labels == {
        *(
            "check",
            "code",
            "kind",
            "le",
            "lookup",
            "method",
            "model",
            "operation",
            "outcome",
            "role",
            "stage",
            "status",
        ),
        *("version", "what"),
    }


def test_every_panel_is_complete_and_does_not_overlap() -> None:
    all_panels = panels()
    assert len({panel["id"] for panel in all_panels}) == len(all_panels)
    occupied: set[tuple[int, int]] = set()
    for panel in all_panels:
        position = panel["gridPos"]
        assert position["x"] + position["w"] <= 24
        cells = {
            (x, y)
            for x in range(position["x"], position["x"] + position["w"])
            for y in range(position["y"], position["y"] + position["h"])
        }
        assert not cells & occupied, panel["title"]
        occupied |= cells
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])


def test_every_alert_has_a_summary_a_description_and_a_runbook() -> None:
    all_rules = rules()
    assert len({rule["alert"] for rule in all_rules}) == len(all_rules) > 8
    for rule in all_rules:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert all(rule["annotations"].values())


def test_prometheus_reads_the_alerts_and_scrapes_both_roles() -> None:
    configuration = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert configuration["rule_files"] == [ALERTS.name]
    assert {job["job_name"] for job in configuration["scrape_configs"]} == {
        "framecloak-api",
        "framecloak-worker",
    }
