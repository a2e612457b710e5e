"""Who answers for the results of this installation."""

from __future__ import annotations

from importlib.metadata import version

from framecloak.adapters.report.page import report
from framecloak.domain.anonymization.record import Imprint
from framecloak.entrypoints.keys import result_signer
from framecloak.entrypoints.settings import Settings


def imprint(settings: Settings) -> Imprint:
    """This program, with the installation's key.

    Raises:
        InvalidSettingError: as for `framecloak.entrypoints.keys.installation_secret`.
    """
    return Imprint(f"framecloak {version('framecloak')}", result_signer(settings), report)
