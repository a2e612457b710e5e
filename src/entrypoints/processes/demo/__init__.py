"""The command ``framecloak demo``: the whole service on one short video."""
