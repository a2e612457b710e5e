"""What is shown and what people are told about exists, as far as the names of metrics go."""

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
    """Every name that an API or a worker tells once all has happened, with its labels."""
    metrics: ApiMetrics = api.services.metrics
    vitals: ServiceMetrics = api.services.use_cases.service_metrics
    metrics.response_started("getVideo", "GET", 404, 0.1, "video_not_found")
    api.world.queue.unavailable = True
    metrics.update((await vitals.read())[0])
    lacking = metrics.exposition("")[0]
    api.world.queue.unavailable = False
    metrics.update(await vitals._collect())
    registry = process_registry("1", "worker")
    register_memory_gauges(registry, 1, lambda: True)
    meter = PrometheusMeter(registry)
    meter.slice_ended("frames", SliceOutcome.DONE, 1.0)
    meter.stage(Stage.STORE, 1.0)
    meter.slice_failed("storage_full")
    meter.retried("slice")
    found: Labels = defaultdict(set)
    for text in (lacking, metrics.exposition("")[0], exposition(registry, "")[0]):
        for family in text_string_to_metric_families(text.decode()):
            for sample in family.samples:
                found[sample.name] |= set(sample.labels)
    return found


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return found


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(ALERTS.read_text("utf-8"))["groups"] for rule in group["rules"]]


def expressions() -> Iterator[str]:
    for panel in panels():
        yield from (target["expr"] for target in panel.get("targets", ()))
    yield from (rule["expr"] for rule in rules())


def test_every_metric_that_is_asked_for_is_told(exposed: Labels) -> None:
    asked = {name for text in expressions() for name in METRIC.findall(text)}
    assert asked <= set(exposed), asked - set(exposed)
    ours = {name.removesuffix("_bucket") for name in exposed if name.startswith("framecloak_")}
    told = {name for name in ours if not name.endswith(("_created", "_sum", "_count"))}
    shown = {re.sub("_(bucket|sum|count)$", "", name) for name in asked}
    assert told <= shown, told - shown


def test_every_label_that_is_asked_for_is_told(exposed: Labels) -> None:
    everywhere = {"instance", "job"}
    for text in expressions():
        names = METRIC.findall(text)
        for name, matchers in MATCHERS.findall(text):
            if name in exposed:
                assert set(LABEL.findall(matchers)) <= exposed[name] | everywhere, text
        known = set[str]().union(*(exposed[name] for name in names)) | everywhere
        for grouping in GROUPING.findall(text):
            assert {label.strip() for label in grouping.split(",")} <= known, text


def test_no_label_grows_with_what_users_do(exposed: Labels) -> None:
    labels = {label for name, found in exposed.items() if name.startswith("framecloak_") for label in found}
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


def test_every_panel_can_be_read() -> None:
    found = panels()
    assert len({panel["id"] for panel in found}) == len(found)
    places: set[tuple[int, int]] = set()
    for panel in found:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places, panel["title"]
        places |= cells
        if panel["type"] == "row":
            continue
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["datasource"]["uid"] == "${datasource}"
        assert all(target["expr"] and target["legendFormat"] for target in panel["targets"])


def test_every_alert_says_what_is_the_matter_and_what_to_do() -> None:
    found = rules()
    assert len({rule["alert"] for rule in found}) == len(found) > 8
    for rule in found:
        assert rule["labels"]["severity"] in {"critical", "warning"}
        assert set(rule["annotations"]) == {"summary", "description", "runbook"}
        assert all(rule["annotations"].values())


def test_prometheus_reads_the_alerts_and_scrapes_both_roles() -> None:
    found = yaml.safe_load((DOCKER / "prometheus" / "prometheus.yml").read_text("utf-8"))
    assert found["rule_files"] == [ALERTS.name]
    assert {job["job_name"] for job in found["scrape_configs"]} == {"framecloak-api", "framecloak-worker"}
