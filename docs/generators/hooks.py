"""Hooks of mkdocs: generated pages, and links that leave the docs folder.

Pages link to files of the repository by relative path, so that they can be read in the repository, too. On
the site a link to one of `ROOT_PAGES` leads to its copy, and any other one becomes plain text.
"""

from __future__ import annotations

import json
import re
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath

from api_pages import api_pages
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
PAGES = PurePosixPath("docs")
ROOT_PAGES = {
    "BENCHMARKS.md": "project/benchmarks.md",
    "CHANGELOG.md": "project/changelog.md",
    "CONTRIBUTING.md": "project/contributing.md",
    "SECURITY.md": "project/security.md",
    "clients/README.md": "project/clients.md",
    "docker/README.md": "project/docker.md",
}
"""Documents of the repository that are pages of the site, and their paths there."""

_LINK = re.compile(r"(?<!!)\[([^\]]*)\]\((?!https?:|mailto:|#)([^)\s#]+)(#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not in the folder."""
    document = json.loads((ROOT / "openapi.json").read_text("utf-8"))
    for path, text in api_pages(document).items():
        files.append(File.generated(config, f"reference/api/{path}", content=text))
    for source, path in ROOT_PAGES.items():
        files.append(File.generated(config, path, content=(ROOT / source).read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 -- mkdocs names what it gives
    """Rewrite links to their targets on the site."""
    sources = {path: source for source, path in ROOT_PAGES.items()}
    path = page.file.src_uri
    folder = PurePosixPath(sources.get(path, str(PAGES / path))).parent

    def led(link: re.Match[str]) -> str:
        text, target, anchor = link[1], normpath(str(folder / link[2])), link[3] or ""
        if target in ROOT_PAGES:
            return f"[{text}]({_from(path, ROOT_PAGES[target])}{anchor})"
        if target.startswith(f"{PAGES}/"):
            return f"[{text}]({_from(path, target.removeprefix(f'{PAGES}/'))}{anchor})"
        if not (ROOT / target).exists():
            raise PluginError(f"{path} links to {target}, which is not there")
        return text

    return _LINK.sub(led, markdown)


def _from(page: str, target: str) -> str:
    return relpath(target, str(PurePosixPath(page).parent))
