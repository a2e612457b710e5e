"""Detection of damage in H.265 streams, which libav conceals."""
