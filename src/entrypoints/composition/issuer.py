"""Issuer of this installation's results."""

from __future__ import annotations

from importlib.metadata import version

from framecloak.adapters.report.page import render_report
from framecloak.domain.anonymization.results.archive_writer import Issuer
from framecloak.entrypoints.composition.keys import result_signer
from framecloak.entrypoints.settings import Settings


def issuer(settings: Settings) -> Issuer:
    """Return the issuer: program version, signing key of the installation, and report renderer.

    Raises:
        InvalidSettingError: as for `framecloak.entrypoints.composition.keys.installation_secret`.
    """
    return Issuer(f"framecloak {version('framecloak')}", result_signer(settings), render_report)
