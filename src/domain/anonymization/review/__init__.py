"""Review and edits of results."""
