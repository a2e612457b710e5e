"""The report in English."""

from __future__ import annotations

from framecloak.adapters.report.words import Words
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, Unknown
from framecloak.domain.anonymization.model.options import Audio, Level, RedactionShape, RedactionStyle, Verify
from framecloak.domain.anonymization.model.provenance import SignatureState

ENGLISH = Words(
    language="en",
    thousands=",",
    decimal=".",
    title="Redaction report",
    lead_clean="All {frames} frames were examined and {boxes} areas in them were redacted.",
    lead_minimal="Faces were not looked for. In {frames} frames {boxes} marked areas were redacted.",
    lead_blanked=(
        "{blanked} of {frames} frames could not be examined, or showed too much. They are black in the "
        "result: nothing in them can be seen. In the others {boxes} areas were redacted."
    ),
    lead_rendered={
        True: (
            "Nothing was looked for. In {frames} frames {boxes} areas were redacted. They were taken from "
            "another result and edited. {blanked} frames are black."
        ),
        False: (
            "Nothing was looked for. In {frames} frames {boxes} areas were redacted. They were taken from "
            "another result, unchanged. {blanked} frames are black."
        ),
        None: (
            "Nothing was looked for. In {frames} frames {boxes} areas were redacted. They were taken from "
            "another result, and whether they were edited is not known, as it has no good signature. "
            "{blanked} frames are black."
        ),
    },
    numbers="In numbers",
    frames="Frames written",
    faces="Faces redacted, counted in every frame",
    tracks="Faces followed through time",
    inferred="of the faces redacted, inferred from frames around them",
    texts="Areas of text redacted, counted in every frame",
    plates="Licence plates redacted, counted in every frame",
    plates_by_shape="of the licence plates, told by the shape of the text on them",
    regions="Marked areas redacted",
    blanked="Frames blanked",
    timeline="When something was redacted",
    timeline_help=(
        "Each column is a short stretch of the result; its height is the most areas redacted at once "
        "in one of its frames."
    ),
    timeline_label="Redacted areas over time",
    timeline_most="Highest column: {most}",
    legend_found="faces that were found",
    legend_inferred="faces inferred from frames around them",
    legend_writing="text and licence plates",
    legend_regions="areas marked by hand",
    legend_blanked="black frames",
    settings="What was asked for",
    levels={
        Level.MINIMAL: "Areas marked by hand were redacted, and nothing else. Faces were not looked for.",
        Level.FACES: "Areas marked by hand and every face that was found were redacted.",
        Level.FULL: "Areas marked by hand, faces, licence plates and burned-in text were redacted.",
    },
    rendered="The areas were taken from the manifest with the SHA-256 {digest}.",
    rendered_people=(
        "When that manifest was made, faces were left visible on purpose. What it says of them follows."
    ),
    signatures={
        SignatureState.GENUINE: "It was signed by this installation, and unchanged before any edits here.",
        SignatureState.CHANGED: "It was changed after this installation had signed it.",
        SignatureState.FOREIGN: "It was signed with a key that this installation does not know.",
        SignatureState.BAD: "Its signature was not good.",
        SignatureState.NONE: "It came without a signature.",
    },
    styles={
        RedactionStyle.SOLID: (
            "Redacted areas are filled with black. Nothing of what was there is left in the result."
        ),
        RedactionStyle.PIXELATE: (
            "Redacted areas are coarse mosaics. A mosaic keeps a few mean colours of what was there; "
            "filling with black keeps nothing and is the safer choice."
        ),
        RedactionStyle.BLUR: (
            "Redacted areas are blurred mosaics. They keep a few mean colours of what was there; "
            "filling with black keeps nothing and is the safer choice."
        ),
    },
    shapes={
        RedactionShape.BOX: "The outline of redacted faces is a rectangle.",
        RedactionShape.ELLIPSE: "The outline of redacted faces is an ellipse.",
    },
    formats={
        False: "The result is one {format} picture for every frame, quality {quality}.",
        True: (
            "The result is films ({format}, H.264), quality {quality} of 100, with the frame times of "
            "the source."
        ),
    },
    audio={
        Audio.DROP: "Sound was left out.",
        Audio.KEEP: "Sound was copied unchanged. Voices, and names that are spoken, can identify people.",
    },
    whoever={
        Level.MINIMAL: "Areas marked by hand were redacted, and nothing else.",
        Level.FACES: "Areas marked by hand were redacted, whoever is in them.",
        Level.FULL: "Areas marked by hand, licence plates and burned-in text were redacted everywhere.",
    },
    identities={
        IdentityMode.EXCEPT: (
            "Everybody's face was redacted but those of people who are known ({faces} pictures of them, "
            "{people}). A face of which it was not sure whose it is was redacted."
        ),
        IdentityMode.ONLY: (
            "Only faces of people who are known were redacted ({faces} pictures of them, {people}). Other "
            "faces can be seen in the result."
        ),
    },
    unknown={
        Unknown.REDACT: "A face of which it was not sure whose it is was redacted.",
        Unknown.KEEP: "A face of which it was not sure whose it is was kept.",
    },
    identity_evidence=(
        "Whose a face is was decided anew about three times a second, from several frames with {model}; "
        "from a similarity of {threshold} on, two faces were taken for one person's."
    ),
    people="Whose faces they are",
    no_people_decided="No faces were found.",
    kept=(
        "{kept} times a face was kept, on {tracks} tracks. Where two areas overlap, redaction wins. Look at "
        "these first:"
    ),
    decided_before=(
        "This was decided when the areas were found, and taken over. Since then, faces may have been covered "
        "or uncovered by hand."
    ),
    decisions={
        Decision.KNOWN: "known",
        Decision.STRANGER: "somebody else",
        Decision.UNCERTAIN: "uncertain",
    },
    decided="Taken for",
    similarity="Similarity",
    views="Views",
    was_kept="kept",
    was_redacted="redacted",
    threshold=(
        "Detections with a score of {threshold} or more were considered; how sure a detection has to "
        "be depends on the frames around it."
    ),
    looked=(
        "Every frame was examined in full for faces. A face that is missed in some frames is redacted there "
        "too when it was found before and after."
    ),
    looked_for_text=(
        "Text and licence plates were looked for in every picture, and in films in each frame whose number "
        "is a multiple of {every} and wherever the picture changes; in between they were followed. Text of "
        "the shape of what is written on a licence plate counts as one."
    ),
    kept_text=(
        "Text was left readable on purpose in marked areas ({areas}). Faces in them were redacted. Names and "
        "dates that are written there can identify people."
    ),
    sources="Sources",
    source="Source",
    size="Size",
    rate="Frames a second",
    written="Frames written",
    marked="Marked areas",
    digest="SHA-256",
    whole_source="all {count}",
    picture="picture",
    blanks="Black frames",
    no_blanks="None. Every frame could be examined, and none showed too much.",
    some_blanks=(
        "These frames were damaged in the source, could not be examined, or still showed too much when they "
        "were searched again. They are black in the result."
    ),
    frame_range="frames {first} to {last}",
    one_frame="frame {first}",
    more="… and {count} more; manifest.json names them all.",
    gaps="Gaps that were filled",
    no_gaps="None. No face was lost between two frames in which it was found.",
    some_gaps=(
        "{count} times a face was lost for a while and found again. In {frames} frames it was redacted "
        "where it must have been. The longest gaps:"
    ),
    length="Frames",
    track="Track",
    where="Where",
    weakest="Weakest evidence",
    no_tracks="No faces were followed.",
    weakest_help=(
        "These tracks have the lowest scores and the fewest detections. They may be something else "
        "than faces; all of them are redacted. Look at these first."
    ),
    best_score="Best score",
    seen="Found in",
    redacted="Redacted in",
    thumbnails_help="The pictures are out of the redacted frames; they show nothing else.",
    proof="Proof of redaction",
    no_proof="The redacted frames were not searched a second time.",
    searched={
        Verify.SAMPLE: (
            "Every tenth redacted frame was searched again for faces, as it is in the result, and others "
            "next to a filled gap around the face that was lost."
        ),
        Verify.ALL: "Every redacted frame was searched again for faces, as it is in the result.",
    },
    proof_help=(
        "What was found and showed too much was filled with black, with a wider margin, and the frame "
        "searched again, up to three times. A frame that still showed a face then, or that could not be "
        "searched, is black in the result."
    ),
    compared=(
        "What is left at the place of a removed face was compared with that face by {model} wherever "
        "something was found there. Two pictures of different people usually stay below {limit}."
    ),
    not_compared="No recogniser is installed, so what was found was not compared with the removed faces.",
    proof_frames="Frames searched again",
    proof_gaps="Frames searched next to filled gaps",
    proof_before="Faces found in them that showed too much",
    proof_after="Faces left after redacting them again",
    proof_again="Frames redacted again",
    proof_blanked="Frames blanked by this search",
    similarity_before="Highest similarity to a removed face",
    similarity_after="Highest similarity in the result",
    nothing_compared="nothing to compare",
    models="Models",
    no_models="None: faces were not looked for.",
    model="Model",
    licence="Licence",
    runs_on="Ran on",
    check="How to check this result",
    check_help=(
        "manifest.json lists every frame with its SHA-256, in a chain in which no frame can be "
        "changed, moved, added or left out unnoticed. It also holds the SHA-256 of this report. "
        "manifest.sig signs it with the key of the installation that made it."
    ),
    check_steps=(
        (
            "Get the public key from whoever runs that installation, not together with this file: "
            "<code>framecloak signing-key &gt; key.pem</code>"
        ),
        "Check the ZIP, without any network: <code>framecloak verify OUT.zip --key key.pem</code>",
    ),
    key="Key",
    films="Films",
    film="Film",
    limits="What this report does not say",
    limits_help=(
        "It records what was found and redacted. It cannot rule out that something was overlooked, nor "
        "that a person can be recognised by clothing, gait, voice or surroundings. Look at the result "
        "before you share it."
    ),
    made_with="Made by {tool}. This page needs no network and holds no scripts.",
)
