"""Use cases of requests: submit, follow, cancel, download, and clean up."""
