"""An ONNX model as it lies on a disk: parsed, its external data read, its tensors checked, its operator set raised."""
