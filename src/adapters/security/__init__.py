"""Secrets, passwords, tokens, signatures and encryption of galleries."""
