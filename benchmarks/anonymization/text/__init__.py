"""Benchmark of the text policy."""
