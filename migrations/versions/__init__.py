"""Schema migrations: one file per change, numbered in order."""
