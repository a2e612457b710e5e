"""Repositories in PostgreSQL; each implements a port of ``domain/ports/repositories``."""
