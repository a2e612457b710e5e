"""Proposals of regions for text and logos that a device overlays on its video."""
