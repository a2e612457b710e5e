"""Commands for operators: accounts, videos, galleries, audit log, database, settings, keys, health."""
