"""Use cases of requests: submit, monitor, cancel, download, and clean up."""
