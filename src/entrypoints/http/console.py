"""Web console: the page at ``/`` and its static files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import PurePosixPath
from typing import Annotated

from litestar import Request, Response, Router, get
from litestar.datastructures import State
from litestar.exceptions import NotFoundException
from litestar.params import PathParameter

from framecloak.entrypoints.asgi.headers import SecurityHeaders

FILES_PATH = "/web"

CONTENT_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""Content types by file suffix; files with another suffix are not served."""

CACHE_FOREVER = "public, max-age=31536000, immutable"
"""Cache-Control of files under the URL of the current release, whose content never changes."""

REVALIDATE = "no-cache"
"""Cache-Control of the page itself and of files under the URL of another release."""

_PAGE = "index.html"
_RELEASE = "{release}"
"""Placeholder in the page for the release, which is part of file URLs: browsers never mix two releases."""

AnyRequest = Request[object, object, State]


@dataclass(frozen=True, slots=True)
class StaticFile:
    """Static file with its headers.

    Attributes:
        content: content of the file.
        content_type: value of the header ``Content-Type``.
        etag: value of the header ``ETag``, a digest of the content.
    """

    content: bytes
    content_type: str
    etag: str

    @classmethod
    def from_content(cls, name: str, content: bytes) -> StaticFile:
        """Create a file from its name, whose suffix determines the content type, and its content."""
        digest = sha256(content).hexdigest()[:32]
        return cls(content, CONTENT_TYPES[PurePosixPath(name).suffix], f'"{digest}"')


class Console:
    """Files of the console, read once at start: they are small and change only with the program."""

    def __init__(self) -> None:
        contents = dict(_read_files(files("framecloak.entrypoints.http") / "web"))
        everything = b"".join(name.encode() + b"\0" + contents[name] for name in sorted(contents))
        self.release = sha256(everything).hexdigest()[:16]
        page = contents.pop(_PAGE).replace(_RELEASE.encode(), self.release.encode())
        self.page = StaticFile.from_content(_PAGE, page)
        self.files = {name: StaticFile.from_content(name, content) for name, content in contents.items()}


def console_router(policies: SecurityHeaders) -> Router:
    """Create the router of the console, which needs no credential: the page itself asks users to sign in.

    Args:
        policies: security headers of the page.
    """
    console = Console()
    policy = policies.console_policy()

    @get("/", sync_to_thread=False)
    def page(request: AnyRequest) -> Response[bytes]:
        """Serve the page of the console."""
        headers = {"Content-Security-Policy": policy, "Cache-Control": REVALIDATE}
        return _file_response(request, console.page, headers)

    @get(FILES_PATH + "/{release:str}/{name:path}", sync_to_thread=False)
    def file(
        request: AnyRequest,
        release: Annotated[str, PathParameter(description="Release of the console.")],
        name: Annotated[str, PathParameter(description="Path of the file.")],
    ) -> Response[bytes]:
        """Serve a static file of the console."""
        static_file = console.files.get(name.lstrip("/"))
        if static_file is None:
            raise NotFoundException("the console has no such file")
        cache_control = CACHE_FOREVER if release == console.release else REVALIDATE
        return _file_response(request, static_file, {"Cache-Control": cache_control})

    # The page loads about forty files: rate limits would lock out a group of users behind one address.
    return Router("/", route_handlers=[page, file], opt={"unlimited": True}, include_in_schema=False)


def _file_response(request: AnyRequest, file: StaticFile, headers: dict[str, str]) -> Response[bytes]:
    # Content-Type is set as a header because litestar would add a second charset to a media type.
    all_headers = {**headers, "ETag": file.etag, "Content-Type": file.content_type}
    if matches_etag(request.headers.get("if-none-match", ""), file.etag):
        return Response(b"", status_code=304, headers=all_headers)
    return Response(file.content, headers=all_headers)


def matches_etag(if_none_match: str, etag: str) -> bool:
    """Return True if an ``If-None-Match`` header matches a tag (RFC 9110, section 13.1.2)."""
    return any(entry.strip().removeprefix("W/") in {etag, "*"} for entry in if_none_match.split(","))


def _read_files(folder: Traversable, prefix: str = "") -> Iterable[tuple[str, bytes]]:
    """Yield path relative to the folder and content of all files of a known type."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read_files(entry, f"{prefix}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in CONTENT_TYPES:
            yield prefix + entry.name, entry.read_bytes()
