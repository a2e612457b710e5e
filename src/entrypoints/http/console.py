"""The web console: its page at ``/`` and the files that the page is made of."""

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

from framecloak.entrypoints.asgi.headers import Policies

FILES_PATH = "/web"

CONTENT_TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
"""Of everything that the console is made of; what has another ending is not served."""

UNCHANGEABLE = "public, max-age=31536000, immutable"
"""For files under the address of their release, which never means anything else."""

ASK_AGAIN = "no-cache"
"""For the page itself, and for files under the address of another release."""

_PAGE = "index.html"
_RELEASE = "{release}"
"""In the page: where its files are. An address for each release keeps browsers from mixing two of them."""

AnyRequest = Request[object, object, State]


@dataclass(frozen=True, slots=True)
class StaticFile:
    """A file as it is sent.

    Attributes:
        content: all of it.
        content_type: for the header of that name.
        tag: names this content among all, for the header ``ETag``.
    """

    content: bytes
    content_type: str
    tag: str

    @classmethod
    def of(cls, name: str, content: bytes) -> StaticFile:
        """A file of the console by its name, whose ending says what it is."""
        digest = sha256(content).hexdigest()[:32]
        return cls(content, CONTENT_TYPES[PurePosixPath(name).suffix], f'"{digest}"')


class Console:
    """The console's files, read once: they are small, and change only with the program."""

    def __init__(self) -> None:
        contents = dict(_contents(files("framecloak.entrypoints.http") / "web"))
        everything = b"".join(name.encode() + b"\0" + contents[name] for name in sorted(contents))
        self.release = sha256(everything).hexdigest()[:16]
        page = contents.pop(_PAGE).replace(_RELEASE.encode(), self.release.encode())
        self.page = StaticFile.of(_PAGE, page)
        self.files = {name: StaticFile.of(name, content) for name, content in contents.items()}


def console_router(policies: Policies) -> Router:
    """Serves the console to anybody: whoever is not signed in is asked to by the page itself.

    Args:
        policies: what browsers are told with the page.
    """
    console = Console()
    policy = policies.console_policy()

    @get("/", sync_to_thread=False)
    def page(request: AnyRequest) -> Response[bytes]:
        """The page."""
        headers = {"Content-Security-Policy": policy, "Cache-Control": ASK_AGAIN}
        return _sent(request, console.page, headers)

    @get(FILES_PATH + "/{release:str}/{name:path}", sync_to_thread=False)
    def file(
        request: AnyRequest,
        release: Annotated[str, PathParameter(description="Which release it belongs to.")],
        name: Annotated[str, PathParameter(description="Of the file.")],
    ) -> Response[bytes]:
        """One of its files."""
        found = console.files.get(name.lstrip("/"))
        if found is None:
            raise NotFoundException("the console has no such file")
        kept = UNCHANGEABLE if release == console.release else ASK_AGAIN
        return _sent(request, found, {"Cache-Control": kept})

    # A page is some forty files: counted as calls, a ward behind one address would lock itself out.
    return Router("/", route_handlers=[page, file], opt={"unlimited": True}, include_in_schema=False)


def _sent(request: AnyRequest, file: StaticFile, headers: dict[str, str]) -> Response[bytes]:
    # As a header: litestar would add a second charset to a media type.
    described = {**headers, "ETag": file.tag, "Content-Type": file.content_type}
    if names_tag(request.headers.get("if-none-match", ""), file.tag):
        return Response(b"", status_code=304, headers=described)
    return Response(file.content, headers=described)


def names_tag(wanted: str, tag: str) -> bool:
    """Whether an ``If-None-Match`` header names a tag (RFC 9110, section 13.1.2)."""
    return any(one.strip().removeprefix("W/") in {tag, "*"} for one in wanted.split(","))


def _contents(folder: Traversable, prefix: str = "") -> Iterable[tuple[str, bytes]]:
    """Names below a folder, with slashes, and contents of all files that are of a known kind."""
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _contents(entry, f"{prefix}{entry.name}/")
        elif PurePosixPath(entry.name).suffix in CONTENT_TYPES:
            yield prefix + entry.name, entry.read_bytes()
