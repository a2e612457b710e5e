"""Schemas of faces: analysis, comparison and galleries."""
