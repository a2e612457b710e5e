"""Logs and child processes of the service."""
