"""Errors of models and of their use on frames."""

from __future__ import annotations

from framecloak.domain.errors.base import AGAIN, ASK, DomainError, Told


class ProviderUnavailableError(DomainError):
    """The requested execution provider is not available on this machine."""

    code = "provider_unavailable"
    outside = Told("the models cannot run on the configured execution provider", ASK)


class ModelMissingError(DomainError):
    """The requested model is not installed."""

    code = "model_missing"
    outside = Told("a required model is not installed", ASK)


class ModelCorruptError(DomainError):
    """The model file does not match its name or digest."""

    code = "model_corrupt"
    outside = Told("a required model cannot be loaded", ASK)


class LicenseNotAcceptedError(DomainError):
    """The weights were requested without accepting their licence."""

    code = "license_not_accepted"
    outside = Told("a required model has a licence that has not been accepted", ASK)


class ModelDownloadError(DomainError):
    """The weights could not be downloaded."""

    code = "model_download_failed"
    outside = Told("a required model could not be downloaded", ASK)


class ModelExportError(DomainError):
    """The model could not be exported to a graph, or the graph computes different results."""

    code = "model_export_failed"
    outside = Told("a required model could not be built", ASK)


class ExaminationError(DomainError):
    """The frame could not be analysed; its original pixels must not be output."""

    code = "examination_failed"


class EmotionsUnavailableError(DomainError):
    """Emotions cannot be recognised at the moment."""

    code = "emotions_unavailable"
    outside = Told("emotions cannot be recognised at the moment", AGAIN)
