"""Attention on the gemm engine's array: scores, softmax and values of one head at a time."""
