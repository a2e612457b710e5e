"""Use cases of stored videos: upload, marks and grants."""
