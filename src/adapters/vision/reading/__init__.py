"""Adapters of models that read text."""
