"""Fixtures of the HTTP tests; what they are made of is in `http_api`."""

from __future__ import annotations

from http_api import api, scene

__all__ = ["api", "scene"]
