"""Errors of options, settings and edited manifests."""

from __future__ import annotations

from framecloak.domain.errors.base import CONTACT_OPERATOR, DomainError, UserMessage


class InvalidSegmentError(DomainError):
    """The segment is malformed, empty, or outside the video."""

    code = "invalid_segment"


class InvalidRegionError(DomainError):
    """The region is malformed, empty, or outside the frame."""

    code = "invalid_region"


class InvalidLevelError(DomainError):
    """The level of anonymisation does not exist."""

    code = "invalid_level"


class LevelUnavailableError(DomainError):
    """This installation cannot provide the level of anonymisation."""

    code = "level_unavailable"


class InvalidFormatError(DomainError):
    """The output format does not exist."""

    code = "invalid_format"


class InvalidManifestError(DomainError):
    """The edited manifest, or an edit of one, is invalid."""

    code = "invalid_manifest"


class ManifestMismatchError(DomainError):
    """The edited manifest belongs to another video."""

    code = "manifest_mismatch"


class TooManyBoxesError(DomainError):
    """The edited manifest has more boxes than allowed."""

    code = "too_many_boxes"


class InvalidOptionError(DomainError):
    """The value of an option is not allowed."""

    code = "invalid_option"


class InvalidReferenceError(DomainError):
    """The reference of an order is not allowed: it may identify a person."""

    code = "invalid_reference"


class InvalidSettingError(DomainError):
    """The value of a setting in the environment is not allowed."""

    code = "invalid_setting"
    user_message_override = UserMessage(
        "a setting of the installation has a value that is not allowed", CONTACT_OPERATOR
    )
