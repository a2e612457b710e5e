"""What can be wrong with what is asked for."""

from __future__ import annotations

from framecloak.domain.errors.base import ASK, DomainError, Told


class InvalidSegmentError(DomainError):
    """A segment that is malformed, empty, or outside the video."""

    code = "invalid_segment"


class InvalidRegionError(DomainError):
    """A region that is malformed, empty, or outside the frame."""

    code = "invalid_region"


class InvalidLevelError(DomainError):
    """A level of anonymisation that does not exist."""

    code = "invalid_level"


class LevelUnavailableError(DomainError):
    """A level of anonymisation that this installation cannot deliver."""

    code = "level_unavailable"


class InvalidFormatError(DomainError):
    """An output format that does not exist."""

    code = "invalid_format"


class InvalidManifestError(DomainError):
    """An edited manifest, or an edit of one, that does not say what it should."""

    code = "invalid_manifest"


class ManifestMismatchError(DomainError):
    """An edited manifest of another video."""

    code = "manifest_mismatch"


class TooManyBoxesError(DomainError):
    """An edited manifest with more boxes than can be held."""

    code = "too_many_boxes"


class InvalidOptionError(DomainError):
    """Any other option with a value that is not allowed."""

    code = "invalid_option"


class InvalidSettingError(DomainError):
    """A setting from the environment with a value that is not allowed."""

    code = "invalid_setting"
    outside = Told("a setting of the installation has a value that is not allowed", ASK)
