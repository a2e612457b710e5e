"""What looks at pictures: detectors of faces, text and plates, recognisers, CLIP, and the weights of all."""

import os

# ONNX Runtime tells its makers about sessions and machines unless it is told not to before it is imported,
# and the libraries around it import it too. Nothing of an installation leaves it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
