"""Numbers for Prometheus: what its client library counts, and how that is told."""
