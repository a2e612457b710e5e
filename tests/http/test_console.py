"""The console's page and files, as browsers fetch them."""

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
    """What the page has the browser fetch."""
    page = (await client.get("/")).raise_for_status().text
    return re.findall(r'(?:href|src)="(/web/[^"]+)"', page)


async def test_anybody_gets_the_page_and_everything_it_is_made_of(api: Api) -> None:
    async with api.client() as stranger:
        page = await stranger.get("/")
        assert (page.status_code, page.headers["content-type"]) == (200, PAGE)
        assert page.headers["cache-control"] == "no-cache"
        found = await addresses(stranger)
        assert {Path(address).suffix for address in found} == {".css", ".js", ".svg"}
        kinds = {".css": "text/css; charset=utf-8", ".js": SCRIPT, ".svg": "image/svg+xml"}
        for address in found:
            file = await stranger.get(address)
            assert (file.status_code, file.headers["content-type"]) == (200, kinds[Path(address).suffix])
            assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
            assert file.headers["x-content-type-options"] == "nosniff"


async def test_every_module_that_is_imported_is_there(api: Api) -> None:
    async with api.client() as stranger:
        waiting = [address for address in await addresses(stranger) if address.endswith(".js")]
        seen = set(waiting)
        while waiting:
            address = waiting.pop()
            module = await stranger.get(address)
            assert (module.status_code, module.headers["content-type"]) == (200, SCRIPT), address
            for name in re.findall(r'^(?:import|export) .*?from "(\.[^"]+)";', module.text, re.MULTILINE):
                imported = httpx.URL(f"http://h{address}").join(name).path
                if imported not in seen:
                    seen.add(imported)
                    waiting.append(imported)
        assert len(seen) > 30


async def test_the_page_may_run_nothing_but_our_files_and_talk_to_nobody_else(api: Api) -> None:
    async with api.client() as stranger:
        page = await stranger.get("/")
        policy = dict(
            directive.split(" ", 1) for directive in page.headers["content-security-policy"].split("; ")
        )
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
        # Reports are shown in a frame, and shut themselves off.
        assert policy["frame-src"] == "'self'"
        assert policy["require-trusted-types-for"] == "'script'"
        assert "unsafe" not in page.headers["content-security-policy"]
        assert not re.search(r"<script(?![^>]* src=)|<style|style=|\son\w+=", page.text)
        # Everything else keeps the policy of an API, which shows no pages.
        for address in ("/web/0/app.js", "/health"):
            found = await stranger.get(address)
            assert found.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


async def test_sites_that_may_frame_the_service_may_frame_the_console(tmp_path: Path) -> None:
    sites = SecurityHeaders(frame_ancestors="https://intranet.example")
    async with make_api(tmp_path, replace(CONFIG, policies=sites)).client() as stranger:
        policy = (await stranger.get("/")).headers["content-security-policy"]
    assert "frame-ancestors https://intranet.example" in policy


async def test_what_a_browser_has_is_not_sent_again(api: Api) -> None:
    async with api.client() as stranger:
        for address in ("/", *await addresses(stranger)):
            first = await stranger.get(address)
            again = await stranger.get(address, headers={"If-None-Match": first.headers["etag"]})
            assert (again.status_code, again.content) == (304, b""), address
            other = await stranger.get(address, headers={"If-None-Match": '"another"'})
            assert other.status_code == 200


async def test_files_of_another_release_are_asked_for_again(api: Api) -> None:
    async with api.client() as stranger:
        found = await stranger.get("/web/0123456789abcdef/app.js")
        assert (found.status_code, found.headers["cache-control"]) == (200, "no-cache")


@pytest.mark.parametrize(
    "name", ["nosuch.js", "index.html", "../app.py", "%2e%2e/app.py", "..%2fapp.py", "/etc/passwd", "core"]
)
async def test_nothing_else_is_handed_out(api: Api, name: str) -> None:
    async with api.client() as stranger:
        found = await stranger.get(f"/web/0/{name}")
        assert found.status_code in {401, 404}
        assert found.headers["content-type"] == "application/problem+json"


async def test_a_ward_behind_one_address_may_open_the_console_together(tmp_path: Path) -> None:
    strict = replace(CONFIG, rate_limits=replace(CONFIG.rate_limits, per_address=3))
    async with make_api(tmp_path, strict).client() as stranger:
        found = await addresses(stranger)
        assert {(await stranger.get(address)).status_code for address in found * 3} == {200}


async def test_the_document_does_not_describe_the_console(api: Api) -> None:
    _, ada = await api.person("ada")
    async with ada:
        paths = (await ada.get("/schema/openapi.json")).json()["paths"]
    assert not [path for path in paths if path == "/" or path.startswith("/web")]
