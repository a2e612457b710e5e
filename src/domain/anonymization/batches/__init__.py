"""Use cases of many videos at once: templates, batches and their results."""
