"""ONNX Runtime: sessions, execution providers and precisions."""
