"""Face detectors, and the weights they run on."""

import os

# ONNX Runtime tells its makers about sessions and machines unless it is told not to before it is imported,
# and the libraries around it import it too. Nothing of an installation leaves it.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
