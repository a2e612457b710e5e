"""Values that results and requests record besides boxes: origin, history, reference and silent ranges."""
