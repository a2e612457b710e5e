"""Weights of models: catalogue, packs and downloads."""
