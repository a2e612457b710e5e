"""One controller for each resource: it parses, calls one use case, and returns a struct."""
