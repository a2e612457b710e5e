"""The command ``framecloak render``."""
