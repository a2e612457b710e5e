"""Hand-written fakes of the domain's ports, grouped as the ports are."""
