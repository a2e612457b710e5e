"""One folder per technology; each file implements a port of the domain."""
