"""Correctness of the documentation: generated pages are current, and names on other pages exist."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import pytest
import yaml

from framecloak.domain.anonymization.model.identities import IdentityMode
from framecloak.domain.anonymization.model.options import Level, RedactionStyle, Verify
from framecloak.domain.anonymization.model.output_format import OutputFormat
from framecloak.domain.anonymization.model.request import Status
from framecloak.domain.anonymization.model.tracked_boxes import Origin
from framecloak.entrypoints.cli.main import framecloak
from support.deployment_files import DOCKER, ROOT, known_variables
from support.documented import LANGUAGES, PAGES, blocks, read

OWN_PAGES = [page for page in PAGES if page == "README.md" or page.startswith("docs/")]
OTHER_VARIABLES = {
    # From the predecessor service, commands and the system, and a placeholder.
    "FRAME_ANONYMIZATION",
    "HTTPS_PROXY",
    "FRAMECLOAK_DEBUG",
    "LOGGING",
    "NAME_FILE",
    "SSL_CERT_FILE",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
}
"""Capitalised names that are not settings."""

FIGURES = {
    "docs/concepts/levels.md": ("1.11", "2.01", "1.65", "2.07", "0 of 564", "1 of 564", "9 of 564"),
    "docs/guides/faces.md": ("326 ms", "27.6 ms", "7.9 ms"),
    "docs/operations/sizing.md": ("2.01", "1.65", "2.07", "1,596", "1.14 s", "5.0 ms", "65.2 ms", "164 MB"),
    "docs/reference/limits.md": ("8,239", "10,247"),
}
"""Figures of the benchmarks that pages quote."""


def test_generated_pages_are_current(tmp_path: Path) -> None:
    # In a separate process: click keeps the help option names of earlier tests.
    program = ROOT / "docs" / "generators" / "reference_pages.py"
    environment = {"PYTHONPATH": f"{ROOT / 'namespace'}:{ROOT / 'tests'}", "PATH": os.environ["PATH"]}
    subprocess.run([sys.executable, program, tmp_path], check=True, env=environment)
    generated = {path.name: path.read_text("utf-8") for path in tmp_path.iterdir()}
    assert len(generated) == 5
    for name, text in generated.items():
        assert read(f"docs/reference/{name}") == text, f"{name}: make reference"


def test_every_setting_and_every_command_is_on_its_page() -> None:
    settings, commands = read("docs/reference/settings.md"), read("docs/reference/commands.md")
    assert all(f"| `{name}` |" in settings for name in known_variables() if not name.endswith("_FILE"))
    assert all(f"## framecloak {name}\n" in commands for name in framecloak.list_commands(None))  # type: ignore[arg-type] - it needs no context


@pytest.mark.parametrize("page", PAGES)
def test_code_blocks_have_a_known_language(page: str) -> None:
    for block in blocks(page):
        assert block.language in LANGUAGES, f"{page}:{block.line}"
        if block.language == "json":
            assert json.loads(block.text), f"{page}:{block.line}"
        if block.language == "ini":
            assert {line.partition("=")[0] for line in block.text.splitlines()} <= set(known_variables())


def inline_code(page: str) -> Iterator[str]:
    """Yield the inline code of a page, outside its code blocks."""
    prose = re.sub(r"^```.*?^```$", "", read(page), flags=re.MULTILINE | re.DOTALL)
    yield from re.findall(r"`([^`\n]+)`", prose)


@pytest.mark.parametrize("page", OWN_PAGES)
def test_names_on_pages_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", read("Makefile"), re.MULTILINE))
    for word in inline_code(page):
        first, _, rest = word.partition(" ")
        if first == "make" and rest:
            assert rest.split()[0] in targets, word
        if first == "framecloak" and re.match(r"[a-z]", rest):
            assert rest.split()[0] in framecloak.list_commands(None), word  # type: ignore[arg-type] - as above
        if re.fullmatch(r"[A-Z][A-Z_]{3,}(=\S*)?", word) and "_" in word:
            assert word.partition("=")[0] in set(known_variables()) | OTHER_VARIABLES, word
        if re.fullmatch(r"(src|tests|docker|benchmarks|docs|clients)/[\w./-]+", word):
            assert (ROOT / word).exists() or word.startswith("docker/secrets"), word


@pytest.mark.parametrize("page", FIGURES)
def test_quoted_figures_are_those_of_the_benchmarks(page: str) -> None:
    for figure in FIGURES[page]:
        assert figure in read(page)
        assert figure in read("BENCHMARKS.md"), f"{page} says {figure}"


def test_codes_that_pages_explain_exist() -> None:
    known = set(re.findall(r"^\| `(\w+)` \|", read("docs/reference/errors.md"), re.MULTILINE))
    page = read("docs/operations/troubleshooting.md")
    explained = set(re.findall(r"^\| `([a-z]+_[a-z_]+)`", page, re.MULTILINE))
    assert len(explained) > 15
    assert explained <= known, explained - known


@pytest.mark.parametrize(
    ("page", "kind"),
    [
        ("docs/concepts/levels.md", Level),
        ("docs/concepts/levels.md", RedactionStyle),
        ("docs/concepts/levels.md", OutputFormat),
        ("docs/concepts/marks.md", Status),
        ("docs/concepts/residual-check.md", Verify),
        ("docs/concepts/tracking.md", Origin),
        ("docs/concepts/identities.md", IdentityMode),
    ],
)
def test_every_choice_has_a_row(page: str, kind: type[Enum]) -> None:
    rows = re.findall(r"^\| (`.*?) \|", read(page), re.MULTILINE)
    explained = {word for row in rows for word in re.findall(r"`(\w+)`", row)}
    assert explained >= {member.value for member in kind}


def test_every_alert_is_explained() -> None:
    groups = yaml.safe_load((DOCKER / "prometheus" / "alerts.yml").read_text("utf-8"))["groups"]
    severities = {rule["alert"]: rule["labels"]["severity"] for group in groups for rule in group["rules"]}
    page = read("docs/operations/monitoring.md")
    rows = re.findall(r"^\| `(Framecloak\w+)` \| (yes|no) \|", page, re.MULTILINE)
    assert {name: wakes == "yes" for name, wakes in rows} == {
        name: severity == "critical" for name, severity in severities.items()
    }


def test_backups_name_the_version_of_postgres_in_the_compose_file() -> None:
    # `pg_dump` must not be older than the server.
    (version,) = re.findall(r"pgvector/pgvector:[\d.]+-pg(\d+)", (DOCKER / "compose.yaml").read_text())
    assert f"the compose file has Postgres {version}" in " ".join(read("docs/operations/backup.md").split())
