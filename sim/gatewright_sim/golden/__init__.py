"""The golden model: what every kernel computes, bit for bit, in numpy."""
