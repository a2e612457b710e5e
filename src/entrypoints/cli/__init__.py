"""Command line of Framecloak."""
