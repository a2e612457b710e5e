"""Human-readable report: one self-contained HTML page without scripts or network access."""
