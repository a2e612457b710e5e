"""Orders of many videos: templates, batches, throughput of the installation, estimates of time."""
