"""Telling other processes that something has changed."""
