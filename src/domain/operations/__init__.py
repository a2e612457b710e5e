"""Health and metrics of an installation."""
