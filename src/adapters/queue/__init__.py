"""Redis between the processes: the job queue on ARQ, and counting attempts."""
