"""The command group ``framecloak reid``."""
