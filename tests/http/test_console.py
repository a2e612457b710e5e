"""The page and files of the console, as browsers fetch them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from framecloak.entrypoints.asgi.headers import SecurityHeaders
from support.http.api import CONFIG, Api, make_api

PAGE = "text/html; charset=utf-8"
SCRIPT = "text/javascript; charset=utf-8"


async def addresses(client: httpx.AsyncClient) -> list[str]:
    """Return the addresses of the files that the page loads."""
    page = (await client.get("/")).raise_for_status().text
    return re.findall(r'(?:href|src)="(/web/[^"]+)"', page)


async def test_the_page_and_its_files_need_no_authentication(api: Api) -> None:
    async with api.client() as anonymous:
        page = await anonymous.get("/")
        assert (page.status_code, page.headers["content-type"]) == (200, PAGE)
        assert page.headers["cache-control"] == "no-cache"
        file_addresses = await addresses(anonymous)
        assert {Path(address).suffix for address in file_addresses} == {".css", ".js", ".svg"}
        media_types = {".css": "text/css; charset=utf-8", ".js": SCRIPT, ".svg": "image/svg+xml"}
        for address in file_addresses:
            file = await anonymous.get(address)
            assert (file.status_code, file.headers["content-type"]) == (
                200,
                media_types[Path(address).suffix],
            )
            assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert file.headers["x-content-type-options"] == "nosniff"


async def test_every_imported_module_exists(api: Api) -> None:
    async with api.client() as anonymous:
        waiting = [address for address in await addresses(anonymous) if address.endswith(".js")]
        discovered = set(waiting)
        while waiting:
            address = waiting.pop()
            module = await anonymous.get(address)
            assert (module.status_code, module.headers["content-type"]) == (200, SCRIPT), address
            for name in re.findall(r'^(?:import|export) .*?from "(\.[^"]+)";', module.text, re.MULTILINE):
                imported = httpx.URL(f"http://h{address}").join(name).path
                if imported not in discovered:
                    discovered.add(imported)
                    waiting.append(imported)
        assert len(discovered) > 30


async def test_the_page_can_run_only_own_files_and_connect_only_to_the_service(api: Api) -> None:
    async with api.client() as anonymous:
        page = await anonymous.get("/")
        policy = dict(
            directive.split(" ", 1) for directive in page.headers["content-security-policy"].split("; ")
        )
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        # Reports are shown in a frame; their own policy sandboxes them.
        assert policy["frame-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert "unsafe" not in page.headers["content-security-policy"]
        assert not re.search(r"<script(?![^>]* src=)|<style|style=|\son\w+=", page.text)
        # Everything else keeps the policy of an API, which serves no pages.
        for address in ("/web/0/app.js", "/health"):
            found = await anonymous.get(address)
            assert found.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_allowed_sites_can_frame_the_console(tmp_path: Path) -> None:
    sites = SecurityHeaders(frame_ancestors="https://intranet.example")
    async with make_api(tmp_path, replace(CONFIG, policies=sites)).client() as anonymous:
        policy = (await anonymous.get("/")).headers["content-security-policy"]
    assert "frame-ancestors https://intranet.example" in policy


async def test_cached_files_are_not_sent_again(api: Api) -> None:
    async with api.client() as anonymous:
        for address in ("/", *await addresses(anonymous)):
            first = await anonymous.get(address)
            again = await anonymous.get(address, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b""), address
            other = await anonymous.get(address, headers={"If-None-Match": '"another"'})
            assert other.status_code == 200


async def test_files_of_another_release_are_revalidated(api: Api) -> None:
    async with api.client() as anonymous:
        file = await anonymous.get("/web/0123456789abcdef/app.js")
        assert (file.status_code, file.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "name", ["nosuch.js", "index.html", "../app.py", "%2e%2e/app.py", "..%2fapp.py", "/etc/passwd", "core"]
)
async def test_no_other_files_are_served(api: Api, name: str) -> None:
    async with api.client() as anonymous:
        answer = await anonymous.get(f"/web/0/{name}")
        assert answer.status_code in {401, 404}
        assert answer.headers["content-type"] == "application/problem+json"


async def test_files_of_the_console_do_not_count_for_the_rate_limit(tmp_path: Path) -> None:
    strict = replace(CONFIG, rate_limits=replace(CONFIG.rate_limits, per_address=3))
    async with make_api(tmp_path, strict).client() as anonymous:
        file_addresses = await addresses(anonymous)
        assert {(await anonymous.get(address)).status_code for address in file_addresses * 3} == {200}


async def test_the_document_does_not_describe_the_console(api: Api) -> None:
    _, ada = await api.person("ada")
    async with ada:
        paths = (await ada.get("/schema/openapi.json")).json()["paths"]
    assert not [path for path in paths if path == "/" or path.startswith("/web")]
