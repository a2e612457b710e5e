"""Errors of models and devices, and of their use on frames."""

from __future__ import annotations

from framecloak.domain.errors.base import CONTACT_OPERATOR, TRY_AGAIN, DomainError, UserMessage


class ProviderUnavailableError(DomainError):
    """The requested execution provider is not available on this machine."""

    code = "provider_unavailable"
    user_message_override = UserMessage(
        "the models cannot run on the configured execution provider", CONTACT_OPERATOR
    )


class EncoderUnavailableError(DomainError):
    """The configured video encoder does not work on this machine."""

    code = "encoder_unavailable"
    user_message_override = UserMessage(
        "videos cannot be encoded with the configured video encoder", CONTACT_OPERATOR
    )


class ModelMissingError(DomainError):
    """The requested model is not installed."""

    code = "model_missing"
    user_message_override = UserMessage("a required model is not installed", CONTACT_OPERATOR)


class ModelCorruptError(DomainError):
    """The model file does not match its name or digest."""

    code = "model_corrupt"
    user_message_override = UserMessage("a required model cannot be loaded", CONTACT_OPERATOR)


class LicenseNotAcceptedError(DomainError):
    """The weights were requested without accepting their licence."""

    code = "license_not_accepted"
    user_message_override = UserMessage(
        "a required model has a licence that has not been accepted", CONTACT_OPERATOR
    )


class ModelDownloadError(DomainError):
    """The weights could not be downloaded."""

    code = "model_download_failed"
    user_message_override = UserMessage("a required model could not be downloaded", CONTACT_OPERATOR)


class ModelExportError(DomainError):
    """The model could not be exported to a graph, or the graph computes different results."""

    code = "model_export_failed"
    user_message_override = UserMessage("a required model could not be built", CONTACT_OPERATOR)


class FrameAnalysisError(DomainError):
    """The frame could not be analysed; its original pixels must not be output."""

    code = "examination_failed"


class EmotionsUnavailableError(DomainError):
    """Emotions cannot be recognised at the moment."""

    code = "emotions_unavailable"
    user_message_override = UserMessage("emotions cannot be recognised at the moment", TRY_AGAIN)
