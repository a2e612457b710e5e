"""Face re-identification: analyse, compare, match, galleries."""
