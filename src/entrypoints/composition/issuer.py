"""Who answers for the results of this installation."""

from __future__ import annotations

from importlib.metadata import version

from framecloak.adapters.report.page import report
from framecloak.domain.anonymization.results.archive_writer import Imprint
from framecloak.entrypoints.composition.keys import result_signer
from framecloak.entrypoints.settings import Settings


def imprint(settings: Settings) -> Imprint:
    """This program, with the installation's key.

    Raises:
        InvalidSettingError: as for `framecloak.entrypoints.composition.keys.installation_secret`.
    """
    return Imprint(f"framecloak {version('framecloak')}", result_signer(settings), report)
