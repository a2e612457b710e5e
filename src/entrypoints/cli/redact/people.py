"""Whose faces ``framecloak redact`` redacts, from folders with pictures of people."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from framecloak.adapters.media.pictures.source import pictures_in
from framecloak.domain.anonymization.identification.decisions import Identification, rule_for
from framecloak.domain.anonymization.model.identities import IdentityMode, Unknown, check_identities
from framecloak.domain.errors import InvalidOptionError, NoFramesError
from framecloak.domain.ports import FaceDetector, FrameSource
from framecloak.domain.ports.recognition import FaceRecognizer
from framecloak.domain.reid.reference_people import people_in_pictures


@dataclass(frozen=True, slots=True)
class FolderOfPeople:
    """What a person asks for.

    Attributes:
        mode: whose faces are redacted.
        folder: pictures of the people, one or more of each; of each picture the largest face counts.
        threshold: as in `IdentityRule`; None for the usual one of the recogniser.
        unknown: as in `IdentityRule`.
    """

    mode: IdentityMode
    folder: Path
    threshold: float | None
    unknown: Unknown

    def pictures(self) -> list[Path]:
        """The pictures that lie directly in the folder, by name; hidden files are left out.

        Raises:
            InputNotFoundError: it cannot be read.
            NoFramesError: there are none.
        """
        found = pictures_in(self.folder)
        if not found:
            raise NoFramesError(f"the folder {self.folder} holds no pictures", "put pictures of people in it")
        return found

    def identification(
        self,
        open_source: Callable[[Path], FrameSource],
        detector: FaceDetector,
        recognizer: FaceRecognizer,
    ) -> Identification:
        """What to tell faces apart with.

        Raises:
            InvalidOptionError: the threshold makes no sense with the recogniser.
            DomainError: a picture cannot be read, or shows no face that can be recognised.
        """
        rule = rule_for(recognizer.space, self.mode, self.threshold, self.unknown)
        people = people_in_pictures([open_source(path) for path in self.pictures()], detector, recognizer)
        return Identification(recognizer, people, rule)


def folder_of_people(
    keep_faces: Path | None, only_faces: Path | None, threshold: float | None, unknown: str | None
) -> FolderOfPeople | None:
    """What the options ask for; None where everybody's face is redacted.

    Raises:
        InvalidOptionError: they contradict each other, or ask for what nobody asked about.
    """
    if keep_faces and only_faces:
        raise InvalidOptionError("--keep-faces and --only-faces contradict each other", "give one of them")
    folder = keep_faces or only_faces
    if folder is None:
        if threshold is not None or unknown is not None:
            raise InvalidOptionError(
                "--face-threshold and --unknown-faces say nothing without people",
                "add --keep-faces or --only-faces",
            )
        return None
    mode = IdentityMode.EXCEPT if keep_faces else IdentityMode.ONLY
    wanted = Unknown(unknown) if unknown else Unknown.REDACT
    # Refuses what makes no sense before any model is loaded.
    check_identities(mode, threshold, wanted)
    return FolderOfPeople(mode, folder, threshold, wanted)
