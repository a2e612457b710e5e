"""Use cases of accounts: sign-in, sessions, API keys, passwords and the audit log."""
