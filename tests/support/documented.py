"""The documentation as programs: its blocks, and the shell script that a page is."""

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
"""Every document that people read, as paths in the repository."""

LANGUAGES = frozenset({"console", "python", "typescript", "json", "ini", "http", "text"})
"""Of blocks: commands are in `console`, and nowhere else."""

STAND_INS = ("docker", "kubectl", "make", "pip", "pre-commit")
"""Programs that need an engine, a package index, or the checkout as it is; see ``fake_commands.py``."""

CANNOT_RUN = frozenset(
    {
        # torch is not there; `make test-clip` exports one.
        "framecloak models export-clip --model ViT-B-32 --pretrained weights.pt",
    }
)
"""Commands of ours that cannot run here; that they are understood is checked."""

ADDRESS = "http://127.0.0.1:8000"
"""What pages call the service; in a test it listens on another port."""

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_STAYS = re.compile(r"(?:\w+=(?:'[^']*'|\S+) )*framecloak (serve|api|worker|clip-service)\b")

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
        language: what it says it is.
        text: what is in it.
        line: where it begins, from 1.
        heading: of the second level that it stands under; empty before the first.
    """

    language: str
    text: str
    line: int
    heading: str


def read(page: str) -> str:
    """The text of a page."""
    return (ROOT / page).read_text("utf-8")


def blocks(page: str) -> list[Block]:
    """Every fenced block of a page, in order."""
    text, found = read(page), []
    prose = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    headings = [(one.start(), one[1]) for one in re.finditer(r"^## (.*)$", text, re.MULTILINE)]
    titles = set(re.findall(r"^## (.*)$", prose, re.MULTILINE))
    for fence in _FENCE.finditer(text):
        above = [title for at, title in headings if at < fence.start() and title in titles]
        line = text.count("\n", 0, fence.start()) + 1
        found.append(Block(fence[1], fence[2], line, above[-1] if above else ""))
    return found


def commands(text: str) -> Iterator[str]:
    """The lines of a block, those that go on joined; comments and here-documents left out."""
    text = re.sub(r"<<'(\w+)'(.*?)\n.*?^\1$", r"\2", text, flags=re.MULTILINE | re.DOTALL)
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip() and not line.lstrip().startswith("#"):
            yield line.strip()


def program(page: str, language: str) -> str:
    """All blocks of a language on a page, which are one program."""
    return "\n".join(block.text for block in blocks(page) if block.language == language)


def script(page: str, servers: Mapping[str, str], on_servers: str | None, before: str) -> str:
    """The shell script that a page is.

    Args:
        page: its blocks are run from the top to the end, in one shell.
        servers: variables with the addresses of servers.
        on_servers: heading below which they are set; None where they never are.
        before: what the reader has done before.
    """
    lines = [PROLOGUE, before]
    for block in blocks(page):
        if block.language != "console":
            continue
        lines.append(f"echo '--- {page}:{block.line}' >&2")
        for name, value in servers.items():
            given = on_servers is not None and block.heading == on_servers
            lines.append(f"export {name}={shlex.quote(value)}" if given else f"unset {name}")
        lines.append("\n".join(_line(one) for one in block.text.splitlines()))
    return "\n".join(lines)


def _line(line: str) -> str:
    stays = _STAYS.match(line)
    if line in CANNOT_RUN:
        return f"stand-in {line}"
    if stays is None:
        return line
    # Two cannot listen on one port; whoever starts another one has stopped the first.
    first = "stop; " if stays[1] in {"serve", "api"} else ""
    return f'{first}SAID=$(mktemp); {line} > "$SAID" & running+=($!); await {stays[1]}'
