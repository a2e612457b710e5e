"""The command ``framecloak anonymize-frames``."""
