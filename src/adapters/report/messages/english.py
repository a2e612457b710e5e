"""English messages of the report."""

from __future__ import annotations

from framecloak.adapters.report.messages import Messages
from framecloak.adapters.report.messages.history import ENGLISH_HISTORY
from framecloak.adapters.report.messages.search import ENGLISH_SEARCH
from framecloak.adapters.report.messages.text import ENGLISH_TEXT
from framecloak.domain.anonymization.model.frames import BlankReason
from framecloak.domain.anonymization.model.identities import Decision, IdentityMode, Unknown
from framecloak.domain.anonymization.model.options import Audio, Level, RedactionShape, RedactionStyle, Verify
from framecloak.domain.anonymization.model.record.provenance import SignatureState
from framecloak.domain.imaging.pixel_aspect import AspectOrigin

ENGLISH = Messages(
    language="en",
    thousands=",",
    decimal=".",
    title="Redaction report",
    lead_clean=(
        "All {frames} frames were searched in the directions and sizes listed under Settings, and {boxes} "
        "areas in them were redacted."
    ),
    lead_minimal="Faces were not searched for. {boxes} marked areas in {frames} frames were redacted.",
    lead_blanked=(
        "{blanked} of {frames} frames could not be examined, or still revealed too much. They are black in "
        "the result: nothing in them can be seen. In the other frames, {boxes} areas were redacted."
    ),
    history=ENGLISH_HISTORY,
    text=ENGLISH_TEXT,
    search=ENGLISH_SEARCH,
    lead_rendered={
        True: (
            "{boxes} areas in {frames} frames were redacted. They were taken from another result and edited "
            "by hand. {blanked} frames are black."
        ),
        False: (
            "{boxes} areas in {frames} frames were redacted. They were taken unchanged from "
            "another result. {blanked} frames are black."
        ),
        None: (
            "{boxes} areas in {frames} frames were redacted. They were taken from another result. "
            "Whether they were edited is unknown, because it has no valid signature. "
            "{blanked} frames are black."
        ),
    },
    numbers="In numbers",
    frames="Frames written",
    faces="Faces redacted, counted in every frame",
    tracks="Faces tracked over time",
    inferred="Faces redacted, inferred from neighbouring frames",
    texts="Areas of text redacted, counted in every frame",
    plates="Licence plates redacted, counted in every frame",
    plates_by_shape="Licence plates redacted, recognised by the shape of their text",
    regions="Marked areas redacted",
    blanked="Frames blanked",
    timeline="When something was redacted",
    timeline_help=(
        "Each column is a short section of the result; its height is the largest number of areas redacted "
        "in one frame of that section."
    ),
    timeline_label="Redacted areas over time",
    timeline_most="Highest column: {most}",
    silent_sound="Sound of {file}: silent where marked, {silent} of {total} seconds.",
    legend_found="detected faces",
    legend_inferred="faces inferred from neighbouring frames",
    legend_writing="text and licence plates",
    legend_regions="areas marked by hand",
    legend_blanked="black frames",
    settings="Settings",
    scope_by_level={
        Level.MINIMAL: "Areas marked by hand were redacted, and nothing else. Faces were not searched for.",
        Level.FACES: "Areas marked by hand and every face that was found were redacted.",
        Level.FULL: "Areas marked by hand, faces, licence plates and burned-in text were redacted.",
    },
    boxes_from_manifest="The areas were taken from the manifest with the SHA-256 {digest}.",
    inherited_identities=(
        "When that manifest was created, faces were left visible on purpose. The settings for this follow."
    ),
    signatures={
        SignatureState.GENUINE: (
            "It was signed by this installation and had not been changed before any edits made here."
        ),
        SignatureState.CHANGED: "It was changed after this installation had signed it.",
        SignatureState.FOREIGN: "It was signed with a key that this installation does not know.",
        SignatureState.BAD: "Its signature was invalid.",
        SignatureState.NONE: "It had no signature.",
    },
    styles={
        RedactionStyle.SOLID: (
            "Redacted areas are filled with black. Nothing of their original content is left in the result."
        ),
        RedactionStyle.PIXELATE: (
            "Redacted areas are coarse mosaics. A mosaic keeps a few mean colours of the original content; "
            "filling with black keeps nothing and is the safer choice."
        ),
        RedactionStyle.BLUR: (
            "Redacted areas are blurred mosaics. They keep a few mean colours of the original content; "
            "filling with black keeps nothing and is the safer choice."
        ),
    },
    shapes={
        RedactionShape.BOX: "The outline of redacted faces is a rectangle.",
        RedactionShape.ELLIPSE: "The outline of redacted faces is an ellipse.",
    },
    formats={
        False: "The result consists of one {format} image per frame, quality {quality}.",
        True: (
            "The result consists of videos ({format}, H.264), quality {quality} of 100, with the frame times "
            "of the source."
        ),
    },
    hardware_encoder=(
        "The videos were encoded by the hardware encoder {name}. Another device or driver may encode the "
        "same frames to other bytes."
    ),
    audio={
        Audio.DROP: "Sound was left out.",
        Audio.MUTE_SPEECH: "Sound was kept, and all that may be speech was silenced.",
        Audio.KEEP: "Sound was copied unchanged. Voices and spoken names can identify people.",
    },
    scope_regardless_of_identity={
        Level.MINIMAL: "Areas marked by hand were redacted, and nothing else.",
        Level.FACES: "Areas marked by hand were redacted, regardless of who is in them.",
        Level.FULL: "Areas marked by hand, licence plates and burned-in text were redacted everywhere.",
    },
    identities={
        IdentityMode.EXCEPT: (
            "All faces were redacted except those of known people ({faces} reference faces, {people}). Faces "
            "that could not be identified with confidence were redacted."
        ),
        IdentityMode.ONLY: (
            "Only the faces of known people were redacted ({faces} reference faces, {people}). Other faces "
            "are visible in the result."
        ),
    },
    unknown={
        Unknown.REDACT: "Faces that could not be identified with confidence were redacted.",
        Unknown.KEEP: "Faces that could not be identified with confidence were left visible.",
    },
    identity_evidence=(
        "The identity of each face was decided about three times per second from several frames, with "
        "{model}. Two faces with a similarity of {threshold} or more were taken to be of one person."
    ),
    people="Identities",
    no_people_decided="No faces were found.",
    faces_left_visible=(
        "A face was left visible {kept} times, counted in every frame, on {tracks} tracks. Where two areas "
        "overlap, redaction takes precedence. Check these first:"
    ),
    decided_before=(
        "These decisions were taken over from the other result, together with its areas. Since then, faces "
        "may have been covered or uncovered by hand."
    ),
    decisions={
        Decision.KNOWN: "known",
        Decision.STRANGER: "someone else",
        Decision.UNCERTAIN: "uncertain",
    },
    decision="Decision",
    similarity="Similarity",
    views="Views",
    was_kept="visible",
    was_redacted="redacted",
    threshold=(
        "Detections with a score of {threshold} or more were considered; the score that a detection needs "
        "depends on the neighbouring frames."
    ),
    search_for_text=(
        "Text and licence plates were searched for in every still image and, in videos, in each frame whose "
        "number is a multiple of {every} and wherever the image changes; in between they were tracked. Text "
        "in the shape of a licence plate number counts as a licence plate."
    ),
    kept_text=(
        "Text was left readable on purpose in marked areas ({areas}). Faces in them were redacted. Names and "
        "dates written there can identify people."
    ),
    pixel_aspects={
        AspectOrigin.DECLARED: (
            "The source declares pixels that are not square ({aspect}). It was searched in the shape in "
            "which players show it; the frames of the result keep the stored size."
        ),
        AspectOrigin.OPTION: (
            "A pixel aspect of {aspect} was given. The source was searched in that shape; the frames of the "
            "result keep the stored size."
        ),
        AspectOrigin.IMPLAUSIBLE: (
            "The pixel aspect that the source declares is implausible. It was ignored, and the source "
            "searched as if its pixels were square."
        ),
    },
    aspect_hint=(
        "Faces in a source are easier to find with a pixel aspect of {aspect}: it seems to be squeezed, and "
        "faces may have been missed. Redact it again with this aspect (--pixel-aspect), or with the one that "
        "the camera's manual states."
    ),
    turned_hint=(
        "Nearly all faces of a source are upright only after a turn by {degrees} degrees clockwise: the "
        "video has probably lost its rotation flag. Turned faces are found less reliably. Turn the source "
        "and redact it again."
    ),
    dropped_video_tracks=(
        "A source has more than one video track. Only the one that players show first was redacted; the "
        "result does not contain the others: {count}."
    ),
    sources="Sources",
    source="Source",
    size="Size",
    rate="Frames per second",
    frames_written="Frames written",
    marked_regions="Marked areas",
    digest="SHA-256",
    whole_source="all {count}",
    still_image="still image",
    blanks="Black frames",
    no_blanks="None. Every frame could be searched, and no check found that one revealed too much.",
    some_blanks=(
        "These frames were damaged in the source, could not be examined, or still revealed too much when "
        "they were searched again. They are black in the result."
    ),
    blank_reason="Reason",
    blank_reasons={
        BlankReason.NOT_DECODED: "damaged in the source",
        BlankReason.NOT_SEARCHED: "could not be examined",
        BlankReason.RESIDUALS: "a face still showed",
        BlankReason.NAME_READABLE: "a name could still be read",
    },
    frame_range="frames {first} to {last}",
    one_frame="frame {first}",
    more="… and {count} more; manifest.json lists all of them.",
    gaps="Filled gaps",
    no_gaps="None. No face was lost between two frames in which it was found.",
    some_gaps=(
        "{count} times a face was lost for a while and found again. In {frames} frames it was redacted at "
        "its inferred position. The longest gaps:"
    ),
    length="Frames",
    track="Track",
    where="Where",
    weakest="Weakest evidence",
    no_tracks="No faces were tracked.",
    weakest_help=(
        "These tracks have the lowest scores and the fewest detections. They may be something other "
        "than faces; all of them were redacted. Check these first."
    ),
    weak_frames="Frames with weak evidence",
    weak_frames_help=(
        "In these frames a face was covered on weak grounds only: it was never detected with certainty, or "
        "its head was followed by its pixels until the limit. Something may be uncovered before or after."
    ),
    no_weak_frames="None.",
    best_score="Best score",
    detected_in="Found in",
    redacted_in="Redacted in",
    thumbnails_help="The images are taken from the redacted frames and show nothing else.",
    residuals="Check for remaining faces",
    no_residual_check="The redacted frames were not searched a second time.",
    residual_scope={
        Verify.SAMPLE: (
            "Every tenth redacted frame was searched again for faces, as it is in the result. Other frames "
            "next to a filled gap were searched around the lost face."
        ),
        Verify.ALL: "Every redacted frame was searched again for faces, as it is in the result.",
    },
    residuals_help=(
        "Faces found that revealed too much were filled with black, with a wider margin, and the frame was "
        "searched again, up to three times. A frame that still showed a face after that, or that could not "
        "be searched, is black in the result."
    ),
    residuals_compared=(
        "Wherever something was detected in place of a removed face, {model} compared it with that face. "
        "The similarity of two images of different people is usually below {limit}."
    ),
    residuals_not_compared=(
        "No face recognition model is installed, so detections were not compared with the removed faces."
    ),
    residual_frames="Frames searched again",
    residual_gap_frames="Frames searched next to filled gaps",
    residuals_before="Faces found in them that revealed too much",
    residuals_after="Faces left after redacting them again",
    residual_redacted_again="Frames redacted again",
    residual_blanked="Frames blanked by this search",
    similarity_before="Highest similarity to a removed face",
    similarity_after="Highest similarity in the result",
    nothing_compared="nothing to compare",
    models="Models",
    no_models="None: faces were not searched for.",
    model="Model",
    licence="Licence",
    runs_on="Ran on",
    check="How to check this result",
    check_help=(
        "manifest.json lists every frame with its SHA-256, in a chain in which no frame can be "
        "changed, moved, added or left out unnoticed. It also holds the SHA-256 of this report. "
        "manifest.sig contains its signature with the key of the installation that made it."
    ),
    check_steps=(
        (
            "Get the public key from the operator of that installation, separately from this file: "
            "<code>framecloak signing-key &gt; key.pem</code>"
        ),
        "Check the ZIP offline: <code>framecloak verify OUT.zip --key key.pem</code>",
    ),
    key="Key",
    videos="Videos",
    video="Video",
    limits="Limits of this report",
    limits_help=(
        "It records what was found and redacted. It cannot rule out that something was overlooked, nor "
        "that a person can be recognised by clothing, gait, voice or surroundings. Review the result "
        "before you share it."
    ),
    made_with="Made by {tool}. This page needs no network and contains no scripts.",
)
