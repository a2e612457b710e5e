"""Entry points: command line, HTTP API, worker and CLIP service."""
