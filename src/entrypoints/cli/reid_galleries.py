"""``framecloak reid enroll`` and ``search``: people who are to be found again, from picture files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from domain.errors import DomainError, GalleryNotFoundError, InputNotFoundError
from entrypoints.cli.connected import OPERATOR, account, all_of, connected_service, run
from entrypoints.cli.errors import SUCCESS, report_domain_error
from entrypoints.cli.options import data_dir_option

if TYPE_CHECKING:
    from domain.reid.faces import Face
    from domain.reid.gallery import Gallery
    from domain.reid.service import Faces
    from entrypoints.service import Service


@dataclass(frozen=True, slots=True)
class _Tools:
    """What enrolling and searching need.

    Attributes:
        service: knows the galleries.
        faces: knows the models.
    """

    service: Service
    faces: Faces

    async def largest_face(self, path: Path) -> Face:
        """The most prominent face of a file.

        Raises:
            DomainError: it cannot be read, or shows none; the message names the file.
        """
        try:
            found = await (await self.faces.analysis()).analyze(picture_file(path))
        except DomainError as error:
            if str(path) not in error.message:
                error.message = f"{path}: {error.message}"
            raise
        return found.faces[0]

    async def gallery(self, name: str) -> Gallery | None:
        """The newest gallery with that id or name, whoever's it is."""
        async for gallery in all_of(partial(self.service.galleries.list, OPERATOR)):
            if name in {str(gallery.id), gallery.name}:
                return gallery
        return None


@click.command(short_help="Add the faces of pictures to a gallery.")
@click.argument("gallery", metavar="GALLERY")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--label", metavar="TEXT", help="Whose faces they are; the name of each file when left out.")
@click.option("--owner", metavar="NAME", help="Whose gallery a new one is; the first administrator's if not.")
@data_dir_option
def enroll(
    *, gallery: str, pictures: tuple[Path, ...], label: str | None, owner: str | None, data_dir: str | None
) -> int:
    """Enrol the largest face of each PICTURE in GALLERY, a name or an id; a new name makes a gallery.

    A picture without a face does not stop the rest; the exit code is that of the last such one.
    """

    async def main() -> int:
        from domain.reid.gallery import Enrolment  # noqa: PLC0415 - NumPy takes a moment to import

        code = SUCCESS
        async with _tools(data_dir) as tools:
            service, principal = tools.service, await account(tools.service, owner)
            target = await tools.gallery(gallery)
            if target is None:
                space = (await tools.faces.analysis()).space
                target = await service.galleries.create(principal, gallery, space)
                click.echo(f"made gallery {target.id}, for faces told apart by {space.name}")
            for path in pictures:
                try:
                    face = await tools.largest_face(path)
                    enrolment = Enrolment(label or path.stem, face.embedding)
                    await service.galleries.enrol(OPERATOR, target.id, [enrolment])
                except DomainError as error:
                    code = report_domain_error(error, as_json=False)
                    continue
                sharpness, size = face.quality.sharpness, face.quality.size
                click.echo(
                    f"{path}: enrolled as {enrolment.label!r}, {size:.0f} pixels, sharpness {sharpness:.2f}"
                )
        return code

    return run(main)


@click.command(short_help="Find out whose face a picture shows.")
@click.argument("gallery", metavar="GALLERY")
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--threshold", type=float, metavar="COSINE", help="Least similarity; a usual one if left out.")
@click.option("--top-k", type=click.IntRange(1, 1000), default=5, show_default=True, help="Most people.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@data_dir_option
def search(
    *,
    gallery: str,
    picture: Path,
    threshold: float | None,
    top_k: int,
    as_json: bool,
    data_dir: str | None,
) -> None:
    """Look in GALLERY, a name or an id, for the largest face of PICTURE; the most alike comes first."""

    async def main() -> Sequence[dict[str, object]]:
        from domain.reid.matching import usual_threshold  # noqa: PLC0415 - NumPy takes a moment to import

        async with _tools(data_dir) as tools:
            target = await tools.gallery(gallery)
            if target is None:
                raise GalleryNotFoundError(f"there is no gallery {gallery!r}", "enroll somebody first")
            face = await tools.largest_face(picture)
            least = usual_threshold(target.space) if threshold is None else threshold
            found = await tools.service.galleries.search(OPERATOR, target.id, face.embedding, least, top_k)
        return [
            {"label": match.face.label, "similarity": match.similarity, "face_id": str(match.face.id)}
            for match in found
        ]

    rows = run(main)
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo("nobody in the gallery is like that")
    for row in rows:
        click.echo(f"{row['similarity']:6.3f}  {row['label']}")


@asynccontextmanager
async def _tools(data_dir: str | None) -> AsyncIterator[_Tools]:
    # The models' runtime takes a moment to import; `--help` needs none of it.
    from entrypoints.recognition import build_faces  # noqa: PLC0415

    async with connected_service(data_dir) as service, build_faces(service.settings) as faces:
        yield _Tools(service, faces)


def picture_file(path: Path) -> bytes:
    """The bytes of a file.

    Raises:
        InputNotFoundError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"cannot open {path}: {reason}", "check the path") from error
