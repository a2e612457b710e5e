"""Where log lines go and how they look."""

from __future__ import annotations

import logging

from entrypoints.settings import Settings

_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def configure_logging(settings: Settings) -> None:
    """One line for each event on standard error; more of them with FRAME_ANONYMIZATION_DEBUG."""
    logging.basicConfig(level=logging.WARNING, format=_FORMAT, force=True)
    own = logging.DEBUG if settings.debug else logging.INFO
    for name in ("domain", "adapters", "entrypoints"):
        logging.getLogger(name).setLevel(own)
