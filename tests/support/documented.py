"""The documentation as programs: its code blocks, and the shell script of a page."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = (
    "README.md",
    "BENCHMARKS.md",
    "SECURITY.md",
    "CONTRIBUTING.md",
    "clients/README.md",
    "docker/README.md",
    *sorted(str(path.relative_to(ROOT)) for path in (ROOT / "docs").rglob("*.md")),
)
"""Every document for readers, as paths in the repository."""

LANGUAGES = frozenset({"console", "python", "typescript", "json", "ini", "http", "text"})
"""Allowed languages of blocks; commands are in `console` blocks only."""

FAKED_PROGRAMS = ("docker", "kubectl", "make", "pip", "pre-commit")
"""Programs that need an engine, a package index or an unmodified checkout; see ``fake_commands.py``."""

CANNOT_RUN = frozenset(
    {
        # torch is not installed; `make test-clip` exports one.
        "framecloak models export-clip --model ViT-B-32 --pretrained weights.pt",
    }
)
"""Commands of ours that cannot run here; only their arguments are checked."""

ADDRESS = "http://127.0.0.1:8000"
"""Address of the service on pages; in a test it listens on another port."""

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_SERVICE_COMMAND = re.compile(r"(?:\w+=(?:'[^']*'|\S+) )*framecloak (serve|api|worker|clip-service)\b")

PROLOGUE = """\
set -euo pipefail
running=()
stop() {
    # Not SIGINT, which a shell without a terminal has its background jobs ignore.
    for pid in "${running[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${running[@]}"; do wait "$pid" || true; done
    running=()
}
trap stop EXIT
# Starts what stays, and waits until it says so; a worker says nothing, and is asked.
await() {
    for _ in $(seq 600); do
        if grep --quiet --extended-regexp '^(ready|listening on) ' "$SAID"; then return; fi
        if [[ "$1" == worker ]] && framecloak healthcheck worker >/dev/null 2>&1; then return; fi
        kill -0 "${running[-1]}"
        sleep 0.1
    done
    return 1
}
"""


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: its info string.
        text: its content.
        line: its first line, from 1.
        heading: the second-level heading above it; empty before the first.
    """

    language: str
    text: str
    line: int
    heading: str


def read(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str) -> list[Block]:
    """Return every fenced block of a page, in order."""
    text, found = read(page), []
    prose = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    headings = [(match.start(), match[1]) for match in re.finditer(r"^## (.*)$", text, re.MULTILINE)]
    titles = set(re.findall(r"^## (.*)$", prose, re.MULTILINE))
    for fence in _FENCE.finditer(text):
        above = [title for start, title in headings if start < fence.start() and title in titles]
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Block(fence[1], fence[2], line, above[-1] if above else ""))
    return found


def commands(text: str) -> Iterator[str]:
    """Yield the commands of a block, continuation lines joined, without comments and here-documents."""
    text = re.sub(r"<<'(\w+)'(.*?)\n.*?^\1$", r"\2", text, flags=re.MULTILINE | re.DOTALL)
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def program(page: str, language: str) -> str:
    """Return all blocks of a language on a page, which form one program."""
    return "\n".join(block.text for block in blocks(page) if block.language == language)


def script(page: str, servers: Mapping[str, str], on_servers: str | None, before: str) -> str:
    """Return the shell script of a page.

    Args:
        page: its blocks run from top to bottom in one shell.
        servers: variables with the addresses of servers.
        on_servers: heading below which they are set; None if they never are.
        before: commands that the reader has run before.
    """
    lines = [PROLOGUE, before]
    for block in blocks(page):
        if block.language != "console":
            continue
        lines.append(f"echo '--- {page}:{block.line}' >&2")
        for name, value in servers.items():
            is_set = on_servers is not None and block.heading == on_servers
            lines.append(f"export {name}={shlex.quote(value)}" if is_set else f"unset {name}")
        lines.append("\n".join(_line(line) for line in block.text.splitlines()))
    return "\n".join(lines)


def _line(line: str) -> str:
    stays = _SERVICE_COMMAND.match(line)
    if line in CANNOT_RUN:
        return f"stand-in {line}"
    if stays is None:
        return line
    # Two services cannot listen on one port; a reader who starts another one has stopped the first.
    first = "stop; " if stays[1] in {"serve", "api"} else ""
    return f'{first}SAID=$(mktemp); {line} > "$SAID" & running+=($!); await {stays[1]}'
