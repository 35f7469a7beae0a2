"""The compiler: an ONNX model becomes one program of the accelerator."""
