"""Who answers for the results of this installation."""

from __future__ import annotations

from importlib.metadata import version

from adapters.report.page import report
from domain.anonymization.record import Imprint
from entrypoints.keys import result_signer
from entrypoints.settings import Settings


def imprint(settings: Settings) -> Imprint:
    """This program, with the installation's key.

    Raises:
        InvalidSettingError: as for `entrypoints.keys.installation_secret`.
    """
    return Imprint(f"framecloak {version('framecloak')}", result_signer(settings), report)
