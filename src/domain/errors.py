"""Everything that can go wrong, as the people who use Framecloak would name it.

Vendor errors are translated into these at the adapters' edges. The ``code`` is stable: exit codes of
the command line and statuses of the HTTP API are looked up by it, and nowhere else.
"""

from __future__ import annotations

from typing import ClassVar


class DomainError(Exception):
    """A failure with a stable code, one sentence saying what, and one saying what to do.

    Args:
        message: what happened, without a full stop, naming the thing it happened to.
        hint: what the reader can do about it, or an empty string when the message says it all.
    """

    code: ClassVar[str] = "internal_error"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}: {self.hint}" if self.hint else self.message


class InputNotFoundError(DomainError):
    """An input path does not exist or cannot be opened."""

    code = "input_not_found"


class EmptyFileError(DomainError):
    """An input file holds no bytes."""

    code = "empty_file"


class UnreadableVideoError(DomainError):
    """The bytes are not a video or picture that can be decoded."""

    code = "unreadable_video"


class NoVideoStreamError(DomainError):
    """A media file that holds sound or subtitles, but no pictures."""

    code = "no_video_stream"


class NoFramesError(DomainError):
    """A video stream without a single frame, or a folder without a single picture."""

    code = "no_frames"


class TruncatedVideoError(DomainError):
    """A video that ends before the frames its header promises."""

    code = "truncated_video"


class ImageTooLargeError(DomainError):
    """A picture with more pixels than can be examined; found from its header, before decoding."""

    code = "image_too_large"


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


class ExaminationError(DomainError):
    """A frame could not be examined; whoever catches it must not let the frame's pixels out."""

    code = "examination_failed"


class OutputUnwritableError(DomainError):
    """The output cannot be created or written."""

    code = "output_unwritable"


class StorageFullError(DomainError):
    """There is no space left for the output."""

    code = "storage_full"


class NotAuthenticatedError(DomainError):
    """The caller did not prove who it is."""

    code = "not_authenticated"


class InvalidCredentialsError(DomainError):
    """A user name and password that do not belong together."""

    code = "invalid_credentials"


class TooManyAttemptsError(DomainError):
    """Too many tries in too short a time.

    Args:
        message: as for every ``DomainError``.
        hint: likewise.
        retry_after: seconds until the next try is welcome.
    """

    code = "too_many_attempts"

    def __init__(self, message: str, hint: str = "", retry_after: int = 60) -> None:
        super().__init__(message, hint)
        self.retry_after = retry_after


class ForbiddenError(DomainError):
    """The caller may see this, and may not do that."""

    code = "forbidden"


class CsrfError(DomainError):
    """A browser's request without the proof that it comes from our own page."""

    code = "csrf_failed"


class UserNotFoundError(DomainError):
    """There is no such account."""

    code = "user_not_found"


class UsernameTakenError(DomainError):
    """An account of that name exists."""

    code = "username_taken"


class WeakPasswordError(DomainError):
    """A password that is too short to be one."""

    code = "weak_password"


class ApiKeyNotFoundError(DomainError):
    """There is no such key, or it belongs to somebody else."""

    code = "api_key_not_found"


class VideoNotFoundError(DomainError):
    """There is no such video, or the caller may not see it."""

    code = "video_not_found"


class SegmentNotFoundError(DomainError):
    """There is no such segment on that video."""

    code = "segment_not_found"


class RegionNotFoundError(DomainError):
    """There is no such region on that video."""

    code = "region_not_found"


class GrantNotFoundError(DomainError):
    """That account has no grant on that video."""

    code = "grant_not_found"


class FrameNotFoundError(DomainError):
    """The video has no frame of that number."""

    code = "frame_not_found"


class UploadNotFoundError(DomainError):
    """There is no such upload, it expired, or its bytes never arrived."""

    code = "upload_not_found"


class UploadTooLargeError(DomainError):
    """More bytes than an upload may have."""

    code = "upload_too_large"


class UploadIncompleteError(DomainError):
    """An upload that ended before all its bytes had come."""

    code = "upload_incomplete"


class VideoInUseError(DomainError):
    """A video that an unfinished request still needs."""

    code = "video_in_use"


class InvalidSegmentsError(DomainError):
    """The segments of an order do not fit its video, or are none, or too many."""

    code = "invalid_segments"


class TooManyFramesError(DomainError):
    """An order for more frames than one request may have."""

    code = "too_many_frames"


class RequestNotFoundError(DomainError):
    """There is no such request, or it belongs to somebody else."""

    code = "request_not_found"


class AlreadyFinishedError(DomainError):
    """A request that is over and cannot be changed."""

    code = "already_finished"


class NotReadyError(DomainError):
    """A request whose result is not there, or not there yet."""

    code = "not_ready"


class TokenNotFoundError(DomainError):
    """A download token that was never given out, or not for this request."""

    code = "token_not_found"


class TokenUsedError(DomainError):
    """A download token that has done its service."""

    code = "token_used"


class TokenExpiredError(DomainError):
    """A download token, or a presigned address, that came too late."""

    code = "token_expired"


class IdempotencyConflictError(DomainError):
    """The same idempotency key with a different order."""

    code = "idempotency_conflict"


class ProcessingTimeoutError(DomainError):
    """A slice of a request took too long."""

    code = "processing_timeout"


class QueueUnavailableError(DomainError):
    """The job queue cannot be reached; nothing was submitted."""

    code = "queue_unavailable"


class WebhookFailedError(DomainError):
    """A receiver could not be told what it asked to be told.

    Args:
        message: as for every ``DomainError``; without the receiver's address, which may hold a secret.
        hint: likewise.
        retry: whether another attempt makes sense.
    """

    code = "webhook_failed"

    def __init__(self, message: str, hint: str = "", *, retry: bool) -> None:
        super().__init__(message, hint)
        self.retry = retry


class StorageUnavailableError(DomainError):
    """The object store cannot be reached, or refuses."""

    code = "storage_unavailable"


class DatabaseUnavailableError(DomainError):
    """The database cannot be reached."""

    code = "database_unavailable"


class SchemaOutdatedError(DomainError):
    """The database has another schema than this version works with."""

    code = "schema_outdated"


class ObjectNotFoundError(DomainError):
    """Nothing lies under that key in the object store."""

    code = "object_not_found"


class InvalidSettingError(DomainError):
    """A setting from the environment with a value that is not allowed."""

    code = "invalid_setting"


class EmotionsUnavailableError(DomainError):
    """Nobody can say at the moment what a face expresses."""

    code = "emotions_unavailable"


class GalleryNotFoundError(DomainError):
    """A gallery that does not exist, whose time is over, or that belongs to somebody else."""

    code = "gallery_not_found"


class GalleryFaceNotFoundError(DomainError):
    """A face that is not enrolled in that gallery."""

    code = "gallery_face_not_found"


class GalleryFullError(DomainError):
    """A gallery with no room for what was to be enrolled."""

    code = "gallery_full"


class ModelMismatchError(DomainError):
    """Embeddings of different models, which say nothing about each other."""

    code = "model_mismatch"


class IdentitiesLostError(DomainError):
    """A gallery that a request names cannot be used any more as it was when that was submitted."""

    code = "identities_lost"


class GalleryKeyMissingError(DomainError):
    """A gallery that is sealed with a key that the settings do not name."""

    code = "gallery_key_missing"


class GalleryDamagedError(DomainError):
    """Something in a gallery that cannot be opened: changed, moved, or sealed with another key."""

    code = "gallery_damaged"


class ExtensionMissingError(DomainError):
    """A database without an extension that is needed."""

    code = "extension_missing"


class ModelExportError(DomainError):
    """A model could not be turned into a graph, or the graph does not do what the model does."""

    code = "model_export_failed"


class UnreadableArchiveError(DomainError):
    """A file that is no result of this program, so that it cannot be verified."""

    code = "unreadable_archive"
