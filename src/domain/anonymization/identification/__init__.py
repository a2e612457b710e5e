"""Identity decisions: whose faces are redacted, and whose are kept."""
