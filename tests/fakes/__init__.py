"""Hand-written stand-ins for the domain's ports, one file for each group of them."""
