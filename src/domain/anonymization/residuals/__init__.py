"""The residual check: detection on redacted frames, and the redaction of what is found."""
