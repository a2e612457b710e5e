"""Fixtures of the HTTP tests, from `support.http.api`."""

from __future__ import annotations

from support.http.api import api, scene

__all__ = ["api", "scene"]
