"""Postgres and Redis servers from Python wheels, for laptops and tests, without root or Docker."""
