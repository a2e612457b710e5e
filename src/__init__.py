"""Framecloak: anonymisation of video frames and re-identification of faces."""

from __future__ import annotations

__all__ = ["__version__"]


def __getattr__(name: str) -> str:
    # Read on demand: importing the metadata takes longer than importing all that a command needs.
    if name == "__version__":
        from importlib.metadata import version  # noqa: PLC0415

        return version("framecloak")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
