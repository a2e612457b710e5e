"""Vision models: detectors of faces, text and plates, face recognisers, CLIP, and their weights."""

import os

# ONNX Runtime sends telemetry to its publisher unless this is set before its import, and other libraries
# import it too. No data about an installation may leave it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
