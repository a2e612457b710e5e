"""Region files: JSON lists of ``--region`` values, such as ``["10,20,300,40", "0,0,64,24@0:50"]``."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from framecloak.domain.errors import InputNotFoundError, InvalidRegionError, OutputUnwritableError
from framecloak.domain.model.segments import Region
from framecloak.entrypoints.cli.redact.marks import RegionMark, parse_region

_HINT = "`framecloak overlays VIDEO --accept all -o FILE` writes one"


def write_regions(path: Path, regions: Sequence[Region]) -> None:
    """Write a region file; an existing file is replaced.

    Raises:
        OutputUnwritableError: the file cannot be written.
    """
    try:
        path.write_text(json.dumps([str(region) for region in regions], indent=1) + "\n", "utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputUnwritableError(f"cannot write {path}: {reason}", "choose another path") from error


def read_regions(path: Path) -> tuple[RegionMark, ...]:
    """Read a region file.

    Raises:
        InputNotFoundError: the file cannot be read.
        InvalidRegionError: the file is not a list of regions, or a region is malformed.
        InvalidSegmentError: the segment of a region is malformed.
    """
    try:
        regions = json.loads(path.read_bytes())
    except OSError as error:
        reason = error.strerror or str(error)
        raise InputNotFoundError(f"{path} cannot be read: {reason}", "check the path") from error
    except (ValueError, RecursionError) as error:
        raise InvalidRegionError(f"{path} is not JSON", _HINT) from error
    if not isinstance(regions, list) or not all(isinstance(region, str) for region in regions):
        raise InvalidRegionError(f"{path} does not contain a list of regions", _HINT)
    return tuple(parse_region(region) for region in regions)
