"""Integrity of stored files: what is read from the object store is compared with what was stored."""
