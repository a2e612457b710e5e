"""Worker processes: thin ARQ tasks that call the use cases of the domain."""
