"""Signatures of results, and their verification."""
