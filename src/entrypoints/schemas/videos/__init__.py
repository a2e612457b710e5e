"""Schemas of videos, and of what belongs to one: segments, regions, grants."""
