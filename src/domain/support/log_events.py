"""Events that the program logs, from which the page "What the logs say" is generated.

Debug messages are not listed. A test compares the list with the calls in the source code.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

FIELDS = {
    "attempt": "number of the attempt, from 1; it also counts attempts that a server or a full disk ended",
    "bytes": "size of the result's ZIP in bytes",
    "blanked": "frames of the result that are black",
    "client": "address of the client",
    "code": "[error code](errors.md)",
    "count": "number of objects concerned",
    "faces": "number of faces",
    "failures": "failures of the slice so far that were its own; three make its request fail",
    "frames": "frames of the request",
    "hint": "what to do",
    "http_request_id": "`X-Request-ID` of the HTTP request",
    "key": "key of the object in the store",
    "kind": "kind of the file: original, part or result",
    "method": "HTTP method",
    "milliseconds": "duration of the HTTP request or of the webhook call",
    "model": "model and device",
    "path": "template of the path; the path itself may hold a secret",
    "pause": "seconds until the next attempt",
    "priority": "`normal` or `high`",
    "queue_seconds": "seconds from submission to the first slice; null if none began",
    "removed": "number of removed objects by kind",
    "request_id": "id of the anonymisation request",
    "restart": "number of restarts in a row",
    "seconds": "seconds from the first slice to the end; null if none began",
    "slice": "number of the slice in its request, from 0; the last one is the assembly",
    "state": "`completed`, `failed` or `cancelled`",
    "status": "HTTP status; null if the client hung up before",
    "user_id": "id of the account",
    "video_id": "id of the video",
    "worker": "name of the worker; null where no worker was involved",
}
"""Meaning of each field of a log line, beside `timestamp`, `level`, `logger` and `event`."""


@dataclass(frozen=True, slots=True)
class LogEvent:
    """An event that is logged.

    Attributes:
        level: level of `logging`.
        message: text of the line, with placeholders for its arguments.
        meaning: what happened, and what to do about it.
        fields: names of its fields; see `FIELDS`.
    """

    level: int
    message: str
    meaning: str
    fields: tuple[str, ...] = ()

    def log(self, logger: logging.Logger, **fields: object) -> None:
        """Log the event.

        Args:
            logger: logger of the module.
            **fields: values of all its fields.

        Raises:
            ValueError: a field is missing or unknown.
        """
        if set(fields) != set(self.fields):
            raise ValueError(f"the event {self.message!r} has the fields {self.fields}")
        logger.log(self.level, self.message, extra=fields, stacklevel=2)


REQUEST_ENDED = LogEvent(
    logging.INFO,
    "request ended",
    "A request has its final state.",
    (
        "request_id",
        "state",
        "code",
        "frames",
        "blanked",
        "seconds",
        "queue_seconds",
        "worker",
        "bytes",
        "user_id",
    ),
)
SLICE_RETRIED = LogEvent(
    logging.INFO,
    "slice to be retried",
    "An attempt failed; `code` says why. If a server or a disk was at fault, the slice is tried again without"
    " limit, else at most three times.",
    ("request_id", "slice", "attempt", "failures", "code", "pause"),
)
WEBHOOK_DELIVERED = LogEvent(
    logging.INFO,
    "webhook delivered",
    "The receiver accepted the notice.",
    ("request_id", "attempt", "milliseconds"),
)
WEBHOOK_POSTPONED = LogEvent(
    logging.INFO,
    "webhook to be retried",
    "The receiver did not accept the notice; it is called again.",
    ("request_id", "attempt", "pause"),
)
SUBMITTED = LogEvent(
    logging.INFO,
    "submitted",
    "A request was accepted; the line links the ids of both kinds of requests.",
    ("request_id", "video_id", "frames", "priority"),
)

EVENTS = (
    SUBMITTED,
    REQUEST_ENDED,
    SLICE_RETRIED,
    WEBHOOK_DELIVERED,
    WEBHOOK_POSTPONED,
    LogEvent(
        logging.INFO,
        "request",
        "An HTTP request was answered. Paths that are polled are logged at debug level.",
        ("request_id", "method", "path", "status", "milliseconds", "user_id", "client", "http_request_id"),
    ),
    LogEvent(logging.INFO, "audit", "An entry of the audit log, with its columns as fields."),
    LogEvent(logging.INFO, "cleaned up", "Expired objects were removed.", ("removed",)),
    LogEvent(logging.INFO, "face detector loaded", "The worker is ready for slices.", ("model",)),
    LogEvent(logging.INFO, "takes work again: there is memory", "A shortage of memory is over."),
    LogEvent(
        logging.WARNING,
        "%s",
        "An error in its own words, mostly of a server that cannot be reached; it names host, port, database"
        " and the server's reason. The work is tried again.",
    ),
    LogEvent(logging.WARNING, "a slice failed, %s: %s", "A slice failed by its own fault: code and reason."),
    LogEvent(
        logging.WARNING,
        "a request cannot be processed, %s: %s",
        "A request failed because its workers disagree or its gallery changed: code and reason.",
    ),
    LogEvent(logging.WARNING, "slice released: %s", "A slice goes back to the queue: the reason."),
    LogEvent(
        logging.WARNING,
        "took over a slice of a worker that stopped responding",
        "A lease expired: another worker died, hung, or lost its connections.",
    ),
    LogEvent(
        logging.WARNING,
        "the webhook of request %s was given up: %s",
        "The receiver did not accept the notice for hours, or refused it for good.",
    ),
    LogEvent(logging.WARNING, "takes no more work: %s", "The worker is short of memory; `WORKER_MEMORY_MB`."),
    LogEvent(
        logging.WARNING,
        "the check of %s failed: %s: %s",
        "A health check failed: check, kind and reason. `disk` is short of space; `MIN_FREE_DISK_MB`.",
    ),
    LogEvent(
        logging.WARNING,
        "cannot take jobs from %s: %s; trying again in %.1f s",
        "A worker cannot read its queue in Redis; it also polls the database.",
    ),
    LogEvent(
        logging.WARNING,
        "cannot receive progress announcements (%s); retrying in %.1f s",
        "Progress is delayed until Redis is back.",
    ),
    LogEvent(
        logging.WARNING,
        "rate limits are not enforced: %s",
        "Redis cannot be reached, so calls are not counted.",
    ),
    LogEvent(
        logging.WARNING,
        "face detection is unavailable: %s",
        "The models are missing or do not load; `framecloak models`.",
    ),
    LogEvent(
        logging.WARNING,
        "%s has changed since it was built; building it again",
        "A derived model file is damaged or of another version.",
    ),
    LogEvent(
        logging.WARNING,
        "%s cannot be stored (%s); it will be built at every start",
        "`MODEL_PATH` cannot be written.",
    ),
    LogEvent(
        logging.WARNING,
        "removed %s, which was stored and never recorded as a video",
        "An upload was interrupted between object store and database.",
    ),
    LogEvent(logging.WARNING, "no emotions: %s", "The CLIP service cannot be reached or failed."),
    LogEvent(logging.WARNING, "no emotions: the model took longer than %g s", "The CLIP model is too slow."),
    LogEvent(
        logging.WARNING,
        "no emotions: invalid output of shape %s for %s faces",
        "The CLIP service is of another version.",
    ),
    LogEvent(
        logging.WARNING,
        "any client that reaches this address may use the service; set CLIP_SERVICE_TOKEN to prevent that",
        "The CLIP service listens on a public address without a token.",
    ),
    LogEvent(
        logging.WARNING,
        "waiting for another command that uses these servers; %s",
        "`serve` stops after the other command.",
    ),
    LogEvent(
        logging.WARNING,
        "another command still uses these servers; they stop anyway",
        "The other command fails.",
    ),
    LogEvent(logging.WARNING, "the %s runs again", "An embedded server was restarted."),
    LogEvent(logging.WARNING, "the %s did not stop in time and is killed", "A process of `serve` hung."),
    LogEvent(
        logging.ERROR,
        "the %s ended; it restarts in %.2f s",
        "An embedded server died; see its `server.log` in the data folder.",
        ("restart",),
    ),
    LogEvent(logging.ERROR, "the %s does not start: %s", "An embedded server could not be restarted."),
    LogEvent(
        logging.ERROR,
        "the %s ended with code %s; it restarts in %.1f s",
        "The API or the worker of `serve` died.",
    ),
    LogEvent(
        logging.ERROR,
        "cannot clean up %s: %s",
        "A step of the clean-up failed; the next one repeats it.",
        ("count",),
    ),
    LogEvent(
        logging.ERROR, "the clean-up of %s failed unexpectedly", "As before, with a traceback: report it."
    ),
    LogEvent(
        logging.ERROR,
        "request %s failed",
        "An HTTP request failed unexpectedly, with a traceback: report it.",
    ),
    LogEvent(logging.ERROR, "%s: %s", "An HTTP request failed because of a server: code and reason."),
    LogEvent(
        logging.ERROR,
        "a periodic task failed unexpectedly",
        "A task of the worker failed, with a traceback: report it.",
    ),
    LogEvent(logging.ERROR, "slice failed unexpectedly", "With a traceback: report it."),
    LogEvent(
        logging.CRITICAL,
        "%s; this worker process exits",
        "A thread hangs; the worker ends with code 70 and has to be restarted.",
    ),
    LogEvent(
        logging.CRITICAL,
        "a stored file is not what was stored: %s",
        "A file was changed or damaged in the store, and is not used. Run `framecloak storage verify`.",
        ("kind", "key", "hint"),
    ),
    LogEvent(
        logging.INFO,
        "loaded a gallery index",
        "The index of a large gallery was loaded into memory.",
        ("faces", "seconds"),
    ),
    LogEvent(
        logging.WARNING,
        "cannot load the index of gallery %s: %s",
        "The gallery is searched without its index, which is slower, until it can be loaded.",
    ),
    LogEvent(
        logging.WARNING,
        "cannot clean the index of gallery %s: %s",
        "Deleted faces stay in the index in memory, and are left out of answers.",
    ),
    LogEvent(
        logging.INFO,
        "refused a connection: %s",
        "A connection had too large or too slow a request, or there were too many from its address.",
        ("code", "client"),
    ),
)
"""Every event at level info or above."""
