"""The HTTP API: Litestar and its idioms live here and nowhere else."""
