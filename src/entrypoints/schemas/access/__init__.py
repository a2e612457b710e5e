"""Schemas of accounts, sessions and single sign-on."""
