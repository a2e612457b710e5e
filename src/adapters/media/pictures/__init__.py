"""Image files: read, checked, redacted and written."""
