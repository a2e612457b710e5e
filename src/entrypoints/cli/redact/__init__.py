"""The command ``framecloak redact``."""
