"""Redis between the processes: the job queue on ARQ, news of progress, and counting of calls and attempts."""
