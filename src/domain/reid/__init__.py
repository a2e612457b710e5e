"""Face re-identification: analysis, comparison, and galleries of enrolled faces."""
