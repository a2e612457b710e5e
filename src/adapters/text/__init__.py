"""Adapters that search text."""
