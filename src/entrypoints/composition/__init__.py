"""Composition root: adapters and use cases, built from the settings."""
