"""Middleware of the HTTP API: authentication, rate limits and request metrics."""
