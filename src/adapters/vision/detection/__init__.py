"""Detectors of faces, text and licence plates."""
