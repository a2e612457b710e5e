"""Messages of the report on what was looked for, in all languages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchMessages:
    """Messages on what was looked for; some contain placeholders in braces for `str.format`."""

    search_in_videos: str
    search_in_pictures: str
    looked_upright: str
    looked_turned: str
    in_every_frame: str
    in_every_picture: str
    every_n_frames: str
    list_separator: str
    last_separator: str
    smallest_faces: str
    smallest_faces_at_intervals: str
    smallest_turned_faces: str
    second_opinion: Mapping[bool, str]
    heads_followed: str
    heads_not_followed: str
    search_limits: str


ENGLISH_SEARCH = SearchMessages(
    search_in_videos=(
        "Videos were searched for faces {looks}. Below 24 frames per second the intervals are shorter. Both "
        "sides of a cut and every frame of a fast camera movement were searched as well, the first frame of "
        "each shot also turned by {degrees} degrees. Where a face was found before and after at almost the "
        "same place, or its head could be followed from one to the other, it was redacted in between; "
        "wherever the searches did not agree, frames in between were searched there."
    ),
    search_in_pictures="Still images were searched for faces {looks}.",
    looked_upright="upright {interval} ({sides} pixels)",
    looked_turned="turned by {degrees} degrees {interval} ({sides} pixels)",
    in_every_frame="in every frame",
    in_every_picture="in each",
    every_n_frames="every {every} frames",
    list_separator=", ",
    last_separator=" and ",
    smallest_faces=(
        "In frames of {width} x {height} pixels, upright faces below about {pixels} pixels were not looked "
        "for."
    ),
    smallest_faces_at_intervals=(
        "In frames of {width} x {height} pixels, upright faces from about {pixels} pixels were looked for "
        "every {key_interval} frames and those from about {smallest} pixels every {every} frames; smaller "
        "ones were not."
    ),
    smallest_turned_faces="Turned ones were looked for from about {turned} pixels on.",
    second_opinion={
        True: "Faces were searched for with {first}. {second} looked again at weak detections.",
        False: "Faces were searched for with {first}, which also looked again at weak detections.",
    },
    heads_followed=(
        "A face that was missed in some frames is redacted there too if it was found before and after. Where "
        "it was not found again, the head was followed by its pixels for up to {seconds} seconds."
    ),
    heads_not_followed=(
        "A face that was missed in some frames is redacted there too if it was found before and after. Heads "
        "were not followed any further."
    ),
    search_limits=(
        "Nothing else was looked for. People whose faces are smaller, turned otherwise, hidden, or never "
        "turned towards the camera may be visible in the result."
    ),
)

GERMAN_SEARCH = SearchMessages(
    search_in_videos=(
        "Videos wurden so nach Gesichtern durchsucht: {looks}. Bei weniger als 24 Bildern pro Sekunde sind "
        "die Abstände kürzer. Durchsucht wurden auch beide Seiten eines Schnitts und jedes Bild einer "
        "schnellen Kamerabewegung, das erste Bild jeder Einstellung außerdem um {degrees} Grad gedreht. Wo "
        "ein Gesicht davor und danach fast an derselben Stelle gefunden wurde oder der Kopf sich von einem "
        "Fund zum anderen verfolgen ließ, wurde es dazwischen geschwärzt; wo die Suchen nicht "
        "übereinstimmten, wurden dort auch Bilder dazwischen durchsucht."
    ),
    search_in_pictures="Einzelbilder wurden so nach Gesichtern durchsucht: {looks}.",
    looked_upright="aufrecht {interval} ({sides} Pixel)",
    looked_turned="um {degrees} Grad gedreht {interval} ({sides} Pixel)",
    in_every_frame="in jedem Bild",
    in_every_picture="in jedem",
    every_n_frames="alle {every} Bilder",
    list_separator=", ",
    last_separator=" und ",
    smallest_faces=(
        "In Bildern von {width} x {height} Pixeln wurde nach aufrechten Gesichtern unter etwa {pixels} "
        "Pixeln nicht gesucht."
    ),
    smallest_faces_at_intervals=(
        "In Bildern von {width} x {height} Pixeln wurde alle {key_interval} Bilder nach aufrechten "
        "Gesichtern ab etwa {pixels} Pixeln gesucht und alle {every} Bilder nach solchen ab etwa {smallest} "
        "Pixeln, nach kleineren nicht."
    ),
    smallest_turned_faces="Nach gedrehten wurde ab etwa {turned} Pixeln gesucht.",
    second_opinion={
        True: "Gesucht wurde mit {first}. Schwache Funde hat {second} ein zweites Mal beurteilt.",
        False: "Gesucht wurde mit {first}, schwache Funde damit ein zweites Mal beurteilt.",
    },
    heads_followed=(
        "Ein Gesicht, das in einigen Bildern übersehen wurde, ist auch dort geschwärzt, wenn es davor und "
        "danach gefunden wurde. Wurde es nicht wiedergefunden, so wurde der Kopf anhand seiner Bildpunkte "
        "weiterverfolgt, höchstens {seconds} Sekunden lang."
    ),
    heads_not_followed=(
        "Ein Gesicht, das in einigen Bildern übersehen wurde, ist auch dort geschwärzt, wenn es davor und "
        "danach gefunden wurde. Darüber hinaus wurden Köpfe nicht verfolgt."
    ),
    search_limits=(
        "Nach anderem wurde nicht gesucht. Menschen, deren Gesichter kleiner, anders gedreht, verdeckt oder "
        "der Kamera nie zugewandt sind, können im Ergebnis zu sehen sein."
    ),
)
