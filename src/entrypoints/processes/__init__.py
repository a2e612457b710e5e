"""Commands that start processes: the API, workers, the CLIP service, all of them, and the demo."""
