"""Files of ``framecloak anonymize-frames --batch-file``: JSON lists of requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from framecloak.domain.errors import InputNotFoundError, InvalidOptionError


def read_batch_file(path: Path) -> list[Any]:
    """Read the requests in a file.

    Raises:
        InputNotFoundError: the file cannot be read.
        InvalidOptionError: the file is not a JSON list.
    """
    try:
        items = json.loads(path.read_bytes())
    except OSError as error:
        raise InputNotFoundError(f"{path} cannot be read ({error.strerror})", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise InvalidOptionError(
            f"{path} is not JSON ({error})", "see examples/frame_anonymization_batch.json"
        ) from error
    if not isinstance(items, list):
        raise InvalidOptionError(
            f"{path} does not contain a list of requests", "see examples/frame_anonymization_batch.json"
        )
    return items


def split_item(item: Any) -> tuple[Any, bool]:  # noqa: ANN401 - any JSON value
    """Split an item of a file into the request body and its `async` flag.

    Raises:
        InvalidOptionError: `async` is neither true nor false.
    """
    if not isinstance(item, dict):
        return item, False
    in_background = item.get("async", False)
    if not isinstance(in_background, bool):
        raise InvalidOptionError(
            "invalid request: `async` is neither true nor false",
            "see examples/frame_anonymization_batch.json",
        )
    return {name: value for name, value in item.items() if name != "async"}, in_background
