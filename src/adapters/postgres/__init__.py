"""Accounts, videos and requests in PostgreSQL."""
