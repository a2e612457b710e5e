"""Settings of face galleries and emotion recognition."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.entrypoints.settings.variables import (
    Address,
    distinct_words,
    integer,
    list_of,
    min_length,
    positive,
    setting,
    templates,
    text_without_commas,
)


@dataclass(frozen=True, kw_only=True)
class RecognitionSettings:
    """Settings of face galleries and emotion recognition."""

    # Face galleries.
    gallery_key: str = setting(
        "GALLERY_KEY",
        "Key that encrypts galleries; to change it, see `framecloak galleries rotate-key --help`.",
        text_without_commas(32),
        secret=True,
        default_text="derived from SECRET_KEY",
    )
    gallery_old_keys: str = setting(
        "GALLERY_OLD_KEYS",
        "Earlier gallery keys, separated by commas, with which galleries may still be encrypted.",
        list_of(text_without_commas(32)),
        secret=True,
        default_text="none",
    )
    gallery_capacity: int = setting(
        "GALLERY_CAPACITY",
        "Maximum number of faces in one gallery.",
        integer(1, 100_000_000),
        "1000000",
        unit="faces",
    )
    gallery_hnsw_above: int = setting(
        "GALLERY_HNSW_ABOVE",
        "Number of faces above which a gallery is searched with an index, not exactly: by the signs of long"
        " vectors in memory, or of short ones (below 256 numbers) with HNSW in the database.",
        integer(0, 100_000_000),
        "20000",
        unit="faces",
    )

    # Emotion recognition: the CLIP model and the separate CLIP service.
    clip_emotions: str = setting(
        "CLIP_EMOTIONS",
        "Emotions that an exported CLIP model distinguishes, separated by commas.",
        distinct_words,
        "happy,sad,angry,surprised,fearful,disgusted,neutral",
    )
    clip_prompts: str = setting(
        "CLIP_PROMPTS",
        "Prompts of the CLIP model, separated by |; their results are averaged; each contains {emotion}.",
        templates("emotion"),
        "a photo of a {emotion} face|a portrait of a {emotion} person|a close-up photo of a {emotion} face"
        "|a person with a {emotion} facial expression|a face that looks {emotion}",
    )
    clip_service_url: str = setting(
        "CLIP_SERVICE_URL",
        "Address of the CLIP service, which recognises emotions.",
        Address("http", "https"),
        secret=True,
        default_text="an exported CLIP in MODEL_PATH, if there is one",
    )
    clip_service_token: str = setting(
        "CLIP_SERVICE_TOKEN",
        "Bearer token of the CLIP service; set it for the service and for its clients.",
        min_length(16),
        secret=True,
        default_text="none",
    )
    clip_service_port: int = setting(
        "CLIP_SERVICE_PORT",
        "Port on which the CLIP service listens; 0 chooses a free port.",
        integer(0, 65535),
        "8500",
    )
    clip_service_timeout_seconds: float = setting(
        "CLIP_SERVICE_TIMEOUT_SECONDS",
        "Time limit for a call of the CLIP service, including retries; after it, emotions are left out.",
        positive(60),
        "3",
        unit="seconds",
    )
    clip_service_max_images: int = setting(
        "CLIP_SERVICE_MAX_IMAGES",
        "Maximum number of faces in one request to the CLIP service.",
        integer(1, 1024),
        "32",
        unit="faces",
    )
    clip_service_max_body_bytes: int = setting(
        "CLIP_SERVICE_MAX_BODY_BYTES",
        "Maximum body size of a request to the CLIP service; the default fits one image of the largest size.",
        integer(1 << 20, 1 << 30),
        str(64 * 1024**2),
        unit="bytes",
    )
