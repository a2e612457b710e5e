"""Galleries of faces, and who reads emotions."""

from __future__ import annotations

from dataclasses import dataclass

from framecloak.entrypoints.settings.variables import (
    Address,
    at_least,
    comma_free,
    distinct_words,
    list_of,
    positive,
    setting,
    templates,
    whole,
)


@dataclass(frozen=True, kw_only=True)
class RecognitionSettings:
    """Galleries of faces, and who reads emotions."""

    # Galleries of faces that are to be found again.
    gallery_key: str = setting(
        "GALLERY_KEY",
        "What galleries are sealed with; `framecloak galleries rotate-key` changes it.",
        comma_free(32),
        secret=True,
        default_text="derived from SECRET_KEY",
    )
    gallery_old_keys: str = setting(
        "GALLERY_OLD_KEYS",
        "Earlier ones that galleries may still be sealed with, with commas.",
        list_of(comma_free(32)),
        secret=True,
        default_text="none",
    )
    gallery_capacity: int = setting(
        "GALLERY_CAPACITY",
        "The most faces of one gallery.",
        whole(1, 100_000_000),
        "1000000",
        unit="faces",
    )
    gallery_hnsw_above: int = setting(
        "GALLERY_HNSW_ABOVE",
        "Faces above which a gallery is searched through an index, and not exactly.",
        whole(0, 100_000_000),
        "20000",
        unit="faces",
    )

    # Emotions: who reads them, and what the service that does so alone takes.
    clip_emotions: str = setting(
        "CLIP_EMOTIONS",
        "What an exported CLIP tells apart, with commas.",
        distinct_words,
        "happy,sad,angry,surprised,fearful,disgusted,neutral",
    )
    clip_prompts: str = setting(
        "CLIP_PROMPTS",
        "How it is asked, with | between what is averaged; each has {emotion} in it.",
        templates("emotion"),
        "a photo of a {emotion} face|a portrait of a {emotion} person|a close-up photo of a {emotion} face"
        "|a person with a {emotion} facial expression|a face that looks {emotion}",
    )
    clip_service_url: str = setting(
        "CLIP_SERVICE_URL",
        "The service that reads emotions.",
        Address("http", "https"),
        secret=True,
        default_text="an exported CLIP in MODEL_PATH, or nobody",
    )
    clip_service_token: str = setting(
        "CLIP_SERVICE_TOKEN",
        "What it wants to be shown; the same for it and for those who ask it.",
        at_least(16),
        secret=True,
        default_text="nothing",
    )
    clip_service_port: int = setting(
        "CLIP_SERVICE_PORT", "Port that it listens on; 0 is any free one.", whole(0, 65535), "8500"
    )
    clip_service_timeout_seconds: float = setting(
        "CLIP_SERVICE_TIMEOUT_SECONDS",
        "How long it is waited for, all tries together; then emotions are left out.",
        positive(60),
        "3",
        unit="seconds",
    )
    clip_service_max_images: int = setting(
        "CLIP_SERVICE_MAX_IMAGES", "The most faces of one request to it.", whole(1, 1024), "32", unit="faces"
    )
    clip_service_max_body_bytes: int = setting(
        "CLIP_SERVICE_MAX_BODY_BYTES",
        "The largest request to it; the default holds one picture of the largest size.",
        whole(1 << 20, 1 << 30),
        str(64 * 1024**2),
        unit="bytes",
    )
