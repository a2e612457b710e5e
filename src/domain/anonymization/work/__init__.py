"""Use cases of workers: slices, leases, parts and their assembly."""
