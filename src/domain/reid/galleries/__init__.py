"""galleries."""
