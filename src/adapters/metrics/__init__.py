"""Prometheus metrics of the processes."""
