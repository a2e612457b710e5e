"""``framecloak reid enroll`` and ``search``: people who are to be found again, from picture files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from framecloak.domain.accounts.model import Principal, Role
from framecloak.domain.errors import DomainError, GalleryNotFoundError, InvalidOptionError
from framecloak.entrypoints.cli.admin.connection import OPERATOR, account, all_of, connected_service, run
from framecloak.entrypoints.cli.exit_codes import SUCCESS, report_domain_error
from framecloak.entrypoints.cli.options import data_dir_option
from framecloak.entrypoints.cli.reid.pictures import Seen, draw_option, picture_file
from framecloak.entrypoints.cli.reid.pictures import draw as draw_pictures

if TYPE_CHECKING:
    from framecloak.domain.reid.galleries.model import Gallery
    from framecloak.domain.reid.lazy_analysis import Faces
    from framecloak.domain.reid.model import Analysis
    from framecloak.entrypoints.composition.service import Service


@dataclass(frozen=True, slots=True)
class _Tools:
    """What enrolling and searching need.

    Attributes:
        service: knows the galleries.
        faces: knows the models.
    """

    service: Service
    faces: Faces

    async def look(self, path: Path) -> Analysis:
        """The most prominent face of a file, and nothing else.

        Raises:
            DomainError: it cannot be read, or shows none; the message names the file.
        """
        try:
            return await (await self.faces.analysis()).analyze(picture_file(path))
        except DomainError as error:
            if str(path) not in error.message:
                error.message = f"{path}: {error.message}"
            raise

    async def gallery(self, wanted: str, owner: str | None) -> Gallery | None:
        """The gallery with that id, or the one that its owner calls so; None when no name is like that.

        A name counts among the galleries of one account only: everybody may call theirs like another's, or
        like another's id.

        Args:
            wanted: an id or a name; what reads as an id is never a name.
            owner: whose it has to be. Where nobody is named, an id may be anybody's, and a name is the first
                administrator's.

        Raises:
            GalleryNotFoundError: there is none with that id, or it is not the owner's.
            InvalidOptionError: the owner has several of that name.
            UserNotFoundError: there is no such owner.
            GalleryKeyMissingError: one is sealed with a key that the settings do not name.
        """
        try:
            gallery_id = UUID(wanted)
        except ValueError:
            return await self._named(wanted, await account(self.service, owner))
        if owner is None:
            return await self.service.galleries.get(OPERATOR, gallery_id)
        return await self.service.galleries.get(_as_user(await account(self.service, owner)), gallery_id)

    async def _named(self, name: str, owner: Principal) -> Gallery | None:
        listed = all_of(partial(self.service.galleries.list, _as_user(owner)))
        found = [gallery async for gallery in listed if gallery.name == name]
        if len(found) > 1:
            ids = ", ".join(str(gallery.id) for gallery in found)
            raise InvalidOptionError(
                f"{owner.username} has {len(found)} galleries {name!r}: {ids}", "give the id of the right one"
            )
        return found[0] if found else None


_owner_option = click.option(
    "--owner",
    metavar="NAME",
    help="Whose gallery it is, or is to be; a name without it is the first administrator's.",
)


@click.command(short_help="Add the faces of pictures to a gallery.")
@click.argument("gallery", metavar="GALLERY")
@click.argument("pictures", metavar="PICTURE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--label", metavar="TEXT", help="Whose faces they are; the name of each file when left out.")
@draw_option
@_owner_option
@data_dir_option
def enroll(
    *,
    gallery: str,
    pictures: tuple[Path, ...],
    label: str | None,
    draw: Path | None,
    owner: str | None,
    data_dir: str | None,
) -> int:
    """Enrol the largest face of each PICTURE in GALLERY, an id or a name that its owner gave it.

    A new name makes a gallery of the owner's.

    A picture without a face does not stop the rest; the exit code is that of the last such one.
    """

    async def main() -> int:
        from framecloak.domain.reid.galleries.model import Enrolment  # noqa: PLC0415 - NumPy takes a moment to import

        code, enrolled = SUCCESS, list[Seen]()
        async with _tools(data_dir) as tools:
            service = tools.service
            target = await tools.gallery(gallery, owner)
            if target is None:
                space = (await tools.faces.analysis()).space
                target = await service.galleries.create(await account(service, owner), gallery, space)
                click.echo(f"made gallery {target.id}, for faces told apart by {space.name}")
            for path in pictures:
                try:
                    found = await tools.look(path)
                    (face,) = found.faces
                    enrolment = Enrolment(label or path.stem, face.embedding)
                    await service.galleries.enrol(OPERATOR, target.id, [enrolment])
                except DomainError as error:
                    code = report_domain_error(error, as_json=False)
                    continue
                enrolled.append(Seen(path, found, enrolment.label))
                sharpness, size = face.quality.sharpness, face.quality.size
                click.echo(
                    f"{path}: enrolled as {enrolment.label!r}, {size:.0f} pixels, sharpness {sharpness:.2f}"
                )
        draw_pictures(draw, enrolled)
        return code

    return run(main)


@click.command(short_help="Find out whose face a picture shows.")
@click.argument("gallery", metavar="GALLERY")
@click.argument("picture", type=click.Path(path_type=Path))
@click.option("--threshold", type=float, metavar="COSINE", help="Least similarity; a usual one if left out.")
@click.option("--top-k", type=click.IntRange(1, 1000), default=5, show_default=True, help="Most people.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON, for scripts.")
@draw_option
@_owner_option
@data_dir_option
def search(
    *,
    gallery: str,
    picture: Path,
    threshold: float | None,
    top_k: int,
    as_json: bool,
    draw: Path | None,
    owner: str | None,
    data_dir: str | None,
) -> None:
    """Look in GALLERY, an id or a name that its owner gave it, for the largest face of PICTURE.

    The most alike comes first.
    """

    async def main() -> Sequence[dict[str, object]]:
        from framecloak.domain.reid.matching import usual_threshold  # noqa: PLC0415 - NumPy takes a moment to import

        async with _tools(data_dir) as tools:
            target = await tools.gallery(gallery, owner)
            if target is None:
                who = "the first administrator" if owner is None else owner
                raise GalleryNotFoundError(
                    f"{who} has no gallery {gallery!r}", "give its id, or the --owner that calls it so"
                )
            seen = await tools.look(picture)
            (face,) = seen.faces
            least = usual_threshold(target.space) if threshold is None else threshold
            found = await tools.service.galleries.search(OPERATOR, target.id, face.embedding, least, top_k)
        best = f"{found[0].face.label}  {found[0].similarity:.3f}" if found else ""
        draw_pictures(draw, [Seen(picture, seen, best)])
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


def _as_user(owner: Principal) -> Principal:
    """An account that uses only what is its own; administrators may use all galleries."""
    return replace(owner, role=Role.USER)


@asynccontextmanager
async def _tools(data_dir: str | None) -> AsyncIterator[_Tools]:
    # The models' runtime takes a moment to import; `--help` needs none of it.
    from framecloak.entrypoints.composition.reid import build_faces  # noqa: PLC0415

    async with connected_service(data_dir) as service, build_faces(service.settings) as faces:
        yield _Tools(service, faces)
