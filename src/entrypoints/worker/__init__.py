"""Worker processes: thin ARQ tasks that call the domain's use cases."""
