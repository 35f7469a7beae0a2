"""PyTorch reference models: MovieLens data, LightGCN, text encoder, the hybrid; training, ONNX export, deployment."""
