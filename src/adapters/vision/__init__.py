"""Face detectors, and the weights they run on."""
