"""The compiler as a backend of ONNX, and ONNX's own node tests run through it."""
