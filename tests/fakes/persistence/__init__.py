"""A database in memory that keeps the promises of ``domain.ports.persistence``, one file per repository."""
