"""What can go wrong with models and with looking at frames through them."""

from __future__ import annotations

from domain.errors.base import DomainError


class ProviderUnavailableError(DomainError):
    """An execution provider was asked for that this machine does not have."""

    code = "provider_unavailable"


class ModelMissingError(DomainError):
    """A model was asked for that is not installed."""

    code = "model_missing"


class ModelCorruptError(DomainError):
    """A model file that is not what its name or hash promises."""

    code = "model_corrupt"


class LicenseNotAcceptedError(DomainError):
    """Weights were asked for without accepting the licence they come under."""

    code = "license_not_accepted"


class ModelDownloadError(DomainError):
    """Weights could not be fetched."""

    code = "model_download_failed"


class ModelExportError(DomainError):
    """A model could not be turned into a graph, or the graph does not do what the model does."""

    code = "model_export_failed"


class ExaminationError(DomainError):
    """A frame could not be examined; whoever catches it must not let the frame's pixels out."""

    code = "examination_failed"


class EmotionsUnavailableError(DomainError):
    """Nobody can say at the moment what a face expresses."""

    code = "emotions_unavailable"
