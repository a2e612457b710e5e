"""Face recognisers: alignment and embeddings."""
