"""The board agent: one accelerator served to the network, and its client. Needs numpy; either end also needs grpcio."""
