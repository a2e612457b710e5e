"""The pipeline: decode, detect, track and decide, redact and encode."""
