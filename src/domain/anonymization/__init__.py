"""Frame anonymisation: what to redact, where, and the proof that it was done."""
