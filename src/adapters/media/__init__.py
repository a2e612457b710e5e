"""Videos and pictures: read, redact, encode, archive."""
