"""Postgres and Redis out of wheels: real servers for a laptop and for tests, without root or Docker."""
