"""The CLIP service: emotions for API processes that have no model of their own."""
