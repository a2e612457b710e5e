"""Templates of orders, and orders of many videos at once."""
