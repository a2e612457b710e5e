"""The report for people: one HTML page without scripts and without anything from a network."""
