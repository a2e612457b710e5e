"""Issuer of this installation's results."""

from __future__ import annotations

from importlib.metadata import version

from framecloak.adapters.report.page import report
from framecloak.domain.anonymization.results.archive_writer import Imprint
from framecloak.entrypoints.composition.keys import result_signer
from framecloak.entrypoints.settings import Settings


def imprint(settings: Settings) -> Imprint:
    """Return the issuer: program version, signing key of the installation, and report renderer.

    Raises:
        InvalidSettingError: as for `framecloak.entrypoints.composition.keys.installation_secret`.
    """
    return Imprint(f"framecloak {version('framecloak')}", result_signer(settings), report)
