"""Tracking: association of detections over time, and the gaps between them."""
