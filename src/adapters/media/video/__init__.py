"""Video files: decoded, probed and written with PyAV and x264."""
