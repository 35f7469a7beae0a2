"""PyTorch reference models: MovieLens data, LightGCN, text encoder, fusion; training, ONNX export, quantisation."""
