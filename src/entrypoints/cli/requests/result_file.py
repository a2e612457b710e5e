"""Result that ``framecloak anonymize-frames --output`` writes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from framecloak.domain.errors import OutputUnwritableError


def require_writable(output: Path, *, overwrite: bool) -> None:
    """Check, before the work begins, that the output can be written.

    Raises:
        OutputUnwritableError: the path is a folder or an existing file that must not be overwritten, or its
            parent is not a folder.
    """
    if output.is_dir():
        raise OutputUnwritableError(f"cannot write {output}: it is a folder", "name a file in it")
    if output.exists() and not overwrite:
        raise OutputUnwritableError(f"{output} already exists", "choose another name, or add --force")
    if not output.parent.is_dir():
        raise OutputUnwritableError(
            f"cannot write {output}: {output.parent} is not a folder", "create it, or choose another path"
        )


async def write_result(output: Path, chunks: AsyncIterator[bytes]) -> None:
    """Write a result; the file appears only when it is complete.

    Raises:
        OutputUnwritableError: the file cannot be written.
    """
    draft = output.with_name(f".{output.name}.part")
    try:
        with draft.open("wb") as file:
            async for chunk in chunks:
                await asyncio.to_thread(file.write, chunk)
        draft.replace(output)
    except OSError as error:
        raise OutputUnwritableError(
            f"cannot write {output} ({error.strerror})", "choose another path"
        ) from error
    finally:
        draft.unlink(missing_ok=True)
