"""The command ``framecloak overlays``."""
