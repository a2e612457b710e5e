"""ASGI building blocks that the API and the CLIP service share."""
