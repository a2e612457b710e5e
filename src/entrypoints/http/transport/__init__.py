"""Bodies, files and streams as they cross the wire."""
