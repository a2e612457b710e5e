"""Boxes, detections and timing: arithmetic that needs no image library."""
