"""Redis adapters: job queue on ARQ, progress announcements, and limiters of calls and attempts."""
