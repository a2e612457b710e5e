"""The composition root: adapters and use cases, put together from the settings."""
