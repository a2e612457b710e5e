"""Fixtures of the HTTP tests; what they are made of is in `http_api`."""

from __future__ import annotations

from support.http.api import api, scene

__all__ = ["api", "scene"]
