"""The command ``framecloak models``."""
