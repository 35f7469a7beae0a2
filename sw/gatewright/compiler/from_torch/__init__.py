"""PyTorch modules for the compiler: the only part of it that needs torch, imported when a module is compiled."""
