"""Identity rules of ``framecloak redact``, built from folders of reference photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from framecloak.adapters.media.pictures.source import image_files_in
from framecloak.domain.anonymization.identification.decisions import IdentificationSetup, identity_rule
from framecloak.domain.anonymization.model.identities import IdentityMode, Unknown, validate_identities
from framecloak.domain.errors import InvalidOptionError, NoFramesError
from framecloak.domain.ports.frames import FrameSource
from framecloak.domain.ports.models import FaceDetector, FaceRecognizer
from framecloak.domain.reid.reference_people import reference_people


@dataclass(frozen=True, slots=True)
class ReferencePhotos:
    """Reference photos of people, and the rule by which their faces are kept or redacted.

    Attributes:
        mode: mode of the rule: redact all faces except theirs, or only theirs.
        folder: folder of the photos, one or more of each person; the largest face of each photo counts.
        threshold: minimum similarity, as in `IdentityRule`; None for the default of the recogniser.
        unknown: treatment of faces that cannot be identified, as in `IdentityRule`.
    """

    mode: IdentityMode
    folder: Path
    threshold: float | None
    unknown: Unknown

    def image_paths(self) -> list[Path]:
        """Return the images directly in the folder, sorted by name, without hidden files.

        Raises:
            InputNotFoundError: the folder cannot be read.
            NoFramesError: the folder contains no images.
        """
        paths = image_files_in(self.folder)
        if not paths:
            raise NoFramesError(
                f"the folder {self.folder} contains no images", "put photos of the people in it"
            )
        return paths

    def identification(
        self,
        open_source: Callable[[Path], FrameSource],
        detector: FaceDetector,
        recognizer: FaceRecognizer,
    ) -> IdentificationSetup:
        """Compute the embeddings of the people and combine them with the rule.

        Args:
            open_source: function that opens one image.
            detector: face detector.
            recognizer: face recogniser.

        Raises:
            InvalidOptionError: the threshold is invalid for the recogniser.
            DomainError: an image cannot be read, or shows no face that can be recognised.
        """
        rule = identity_rule(recognizer.space, self.mode, self.threshold, self.unknown)
        people = reference_people([open_source(path) for path in self.image_paths()], detector, recognizer)
        return IdentificationSetup(recognizer, people, rule)


def reference_photos(
    keep_faces: Path | None, only_faces: Path | None, threshold: float | None, unknown: str | None
) -> ReferencePhotos | None:
    """Build the identity rule from the options; None if all faces are redacted.

    Args:
        keep_faces: value of ``--keep-faces``.
        only_faces: value of ``--only-faces``.
        threshold: value of ``--face-threshold``.
        unknown: value of ``--unknown-faces``.

    Raises:
        InvalidOptionError: the options contradict each other, or require one that is missing.
    """
    if keep_faces and only_faces:
        raise InvalidOptionError("--keep-faces and --only-faces contradict each other", "give only one")
    folder = keep_faces or only_faces
    if folder is None:
        if threshold is not None or unknown is not None:
            raise InvalidOptionError(
                "--face-threshold and --unknown-faces have no effect without reference photos",
                "add --keep-faces or --only-faces",
            )
        return None
    mode = IdentityMode.EXCEPT if keep_faces else IdentityMode.ONLY
    treatment = Unknown(unknown) if unknown else Unknown.REDACT
    # Rejects invalid combinations before any model is loaded.
    validate_identities(mode, threshold, treatment)
    return ReferencePhotos(mode, folder, threshold, treatment)
