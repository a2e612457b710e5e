"""emotions."""
