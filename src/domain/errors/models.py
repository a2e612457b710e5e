"""What can go wrong with models and with looking at frames through them."""

from __future__ import annotations

from framecloak.domain.errors.base import AGAIN, ASK, DomainError, Told


class ProviderUnavailableError(DomainError):
    """An execution provider was asked for that this machine does not have."""

    code = "provider_unavailable"
    outside = Told("the models cannot run on what they are to run on", ASK)


class ModelMissingError(DomainError):
    """A model was asked for that is not installed."""

    code = "model_missing"
    outside = Told("a model that is needed for this is not installed", ASK)


class ModelCorruptError(DomainError):
    """A model file that is not what its name or hash promises."""

    code = "model_corrupt"
    outside = Told("a model that is needed for this cannot be loaded", ASK)


class LicenseNotAcceptedError(DomainError):
    """Weights were asked for without accepting the licence they come under."""

    code = "license_not_accepted"
    outside = Told("a model that is needed for this comes under a licence that nobody has accepted", ASK)


class ModelDownloadError(DomainError):
    """Weights could not be fetched."""

    code = "model_download_failed"
    outside = Told("a model that is needed for this could not be fetched", ASK)


class ModelExportError(DomainError):
    """A model could not be turned into a graph, or the graph does not do what the model does."""

    code = "model_export_failed"
    outside = Told("a model that is needed for this could not be made", ASK)


class ExaminationError(DomainError):
    """A frame could not be examined; whoever catches it must not let the frame's pixels out."""

    code = "examination_failed"


class EmotionsUnavailableError(DomainError):
    """Nobody can say at the moment what a face expresses."""

    code = "emotions_unavailable"
    outside = Told("nobody can say at the moment what a face expresses", AGAIN)
