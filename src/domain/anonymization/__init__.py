"""Frame anonymisation: detection, redaction, and the residual check of the result."""
