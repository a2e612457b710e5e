"""Commands ``framecloak reid enroll`` and ``search``: enrol faces in galleries and search for them."""

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

from framecloak.domain.errors import DomainError, GalleryNotFoundError, InvalidOptionError
from framecloak.domain.model.accounts import Principal, Role
from framecloak.entrypoints.cli.admin.connection import (
    OPERATOR,
    acting_principal,
    all_items,
    connected_service,
    run,
)
from framecloak.entrypoints.cli.exit_codes import SUCCESS, report_domain_error
from framecloak.entrypoints.cli.options import data_dir_option, json_option
from framecloak.entrypoints.cli.reid.images import (
    AnalyzedImage,
    draw_analyses,
    draw_option,
    read_image_file,
)

if TYPE_CHECKING:
    from framecloak.domain.model.faces import ImageAnalysis
    from framecloak.domain.reid.galleries.model import Gallery
    from framecloak.domain.reid.lazy_analysis import LazyFaceAnalyzer
    from framecloak.entrypoints.composition.service import Service


@dataclass(frozen=True, slots=True)
class _Tools:
    """Galleries and models for enrolment and search.

    Attributes:
        service: use cases, including those of galleries.
        faces: face analysis, with models loaded on first use.
    """

    service: Service
    faces: LazyFaceAnalyzer

    async def analyze(self, path: Path) -> ImageAnalysis:
        """Analyse the most prominent face of an image file.

        Raises:
            DomainError: the file cannot be read or shows no face; the message names the file.
        """
        try:
            return await (await self.faces.analyzer()).analyze(read_image_file(path))
        except DomainError as error:
            if str(path) not in error.message:
                error.message = f"{path}: {error.message}"
            raise

    async def find_gallery(self, id_or_name: str, owner: str | None) -> Gallery | None:
        """Return the gallery with the given id or name; None if the owner has no gallery of that name.

        Names are looked up among the galleries of one account only, because accounts may use the same name,
        or a name that equals the id of another gallery.

        Args:
            id_or_name: id or name; a text in the form of an id is never taken as a name.
            owner: name of the owner. If None, an id may belong to any account, and a name belongs to the
                first administrator.

        Raises:
            GalleryNotFoundError: there is no gallery with that id, or it has another owner.
            InvalidOptionError: the owner has several galleries of that name.
            UserNotFoundError: there is no such owner.
            GalleryKeyMissingError: a gallery is encrypted with a key that is not in the settings.
        """
        try:
            gallery_id = UUID(id_or_name)
        except ValueError:
            return await self._find_by_name(id_or_name, await acting_principal(self.service, owner))
        if owner is None:
            return await self.service.use_cases.galleries.get(OPERATOR, gallery_id)
        return await self.service.use_cases.galleries.get(
            _without_admin_rights(await acting_principal(self.service, owner)), gallery_id
        )

    async def _find_by_name(self, name: str, owner: Principal) -> Gallery | None:
        galleries = all_items(partial(self.service.use_cases.galleries.list, _without_admin_rights(owner)))
        matches = [gallery async for gallery in galleries if gallery.name == name]
        if len(matches) > 1:
            ids = ", ".join(str(gallery.id) for gallery in matches)
            raise InvalidOptionError(
                f"{owner.username} has {len(matches)} galleries named {name!r}: {ids}",
                "give the id of one of them",
            )
        return matches[0] if matches else None


_owner_option = click.option(
    "--owner",
    metavar="NAME",
    help="Owner of the gallery; default: for an id, any account; for a name, the first administrator.",
)


@click.command(short_help="Add the faces of images to a gallery.")
@click.argument("gallery", metavar="GALLERY")
@click.argument("image_files", metavar="IMAGE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--label", metavar="TEXT", help="Label of the faces; default: the name of each file.")
@draw_option
@_owner_option
@data_dir_option
def enroll(
    *,
    gallery: str,
    image_files: tuple[Path, ...],
    label: str | None,
    draw: Path | None,
    owner: str | None,
    data_dir: str | None,
) -> int:
    """Enrol the largest face of each IMAGE in GALLERY, given by its id or its name.

    If the owner has no gallery of that name, it is created.

    Images without a face are reported and skipped; the exit code is that of the last error.
    """

    async def main() -> int:
        from framecloak.domain.reid.galleries.model import Enrolment  # noqa: PLC0415 - importing NumPy is slow

        code, enrolled = SUCCESS, list[AnalyzedImage]()
        async with _tools(data_dir) as tools:
            service = tools.service
            target = await tools.find_gallery(gallery, owner)
            if target is None:
                space = (await tools.faces.analyzer()).space
                target = await service.use_cases.galleries.create(
                    await acting_principal(service, owner), gallery, space
                )
                click.echo(f"created gallery {target.id} for embeddings of {space.name}")
            for path in image_files:
                try:
                    analysis = await tools.analyze(path)
                    (face,) = analysis.faces
                    enrolment = Enrolment(label or path.stem, face.embedding)
                    await service.use_cases.galleries.enrol(OPERATOR, target.id, [enrolment])
                except DomainError as error:
                    code = report_domain_error(error, as_json=False)
                    continue
                enrolled.append(AnalyzedImage(path, analysis, enrolment.label))
                sharpness, size = face.quality.sharpness, face.quality.size
                click.echo(
                    f"{path}: enrolled as {enrolment.label!r}, {size:.0f} pixels, sharpness {sharpness:.2f}"
                )
        draw_analyses(draw, enrolled)
        return code

    return run(main)


@click.command(short_help="Search a gallery for the face in an image.")
@click.argument("gallery", metavar="GALLERY")
@click.argument("image_file", metavar="IMAGE", type=click.Path(path_type=Path))
@click.option(
    "--threshold", type=float, metavar="COSINE", help="Minimum similarity; default: that of the model."
)
@click.option(
    "--top-k", type=click.IntRange(1, 1000), default=5, show_default=True, help="Maximum number of matches."
)
@json_option
@draw_option
@_owner_option
@data_dir_option
def search(
    *,
    gallery: str,
    image_file: Path,
    threshold: float | None,
    top_k: int,
    as_json: bool,
    draw: Path | None,
    owner: str | None,
    data_dir: str | None,
) -> None:
    """Search GALLERY, given by its id or its name, for the largest face of IMAGE.

    The most similar match comes first.
    """

    async def main() -> Sequence[dict[str, object]]:
        from framecloak.domain.reid.matching import default_threshold  # noqa: PLC0415 - importing NumPy is slow

        async with _tools(data_dir) as tools:
            target = await tools.find_gallery(gallery, owner)
            if target is None:
                username = "the first administrator" if owner is None else owner
                raise GalleryNotFoundError(
                    f"{username} has no gallery named {gallery!r}", "give its id, or its --owner"
                )
            analysis = await tools.analyze(image_file)
            (face,) = analysis.faces
            minimum = default_threshold(target.space) if threshold is None else threshold
            matches = await tools.service.use_cases.galleries.search(
                OPERATOR, target.id, face.embedding, minimum, top_k
            )
        best = f"{matches[0].face.label}  {matches[0].similarity:.3f}" if matches else ""
        draw_analyses(draw, [AnalyzedImage(image_file, analysis, best)])
        return [
            {"label": match.face.label, "similarity": match.similarity, "face_id": str(match.face.id)}
            for match in matches
        ]

    rows = run(main)
    if as_json:
        click.echo(json.dumps(rows))
        return
    if not rows:
        click.echo("no match in the gallery")
    for row in rows:
        click.echo(f"{row['similarity']:6.3f}  {row['label']}")


def _without_admin_rights(owner: Principal) -> Principal:
    """Return the principal without administrator rights, so that it sees only its own galleries."""
    return replace(owner, role=Role.USER)


@asynccontextmanager
async def _tools(data_dir: str | None) -> AsyncIterator[_Tools]:
    # Importing ONNX Runtime is slow, and `--help` does not need it.
    from framecloak.entrypoints.composition.reid import build_faces  # noqa: PLC0415

    async with connected_service(data_dir) as service, build_faces(service.settings) as faces:
        yield _Tools(service, faces)
