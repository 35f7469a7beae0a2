"""What the host computes between commands, in float32: layer norm, GELU, unit length, quantisation."""

import numpy as np

__all__ = ["INT8_MAX", "gelu", "join_fine", "layer_norm", "quantise", "quantise_fine", "unit"]

INT8_MAX = 127
FINE = 2 * INT8_MAX  # steps that a low part resolves in one unit of its high part


def quantise(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """int8 nearest to ``values / scale``, at most +-127. ``scale`` broadcasts: one unit of each column."""
    return np.clip(np.rint(values / scale), -INT8_MAX, INT8_MAX).astype(np.int8)


def quantise_fine(values: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """int8 [2 m, k] for real ``values`` [m, k] with 15 bits: rows of high parts, then rows of low parts.

    ``values`` is ``(high + low / FINE) * scale`` up to ``scale / (2 FINE)``, where it lies within +-127 units.
    """
    steps = values / scale
    high = np.clip(np.rint(steps), -INT8_MAX, INT8_MAX)
    low = np.clip(np.rint((steps - high) * FINE), -INT8_MAX, INT8_MAX)
    return np.concatenate([high, low]).astype(np.int8)


def join_fine(sums: np.ndarray) -> np.ndarray:
    """float64 [m, n], what `quantise_fine` inputs times a matrix give, of the sums [2 m, n] of their rows."""
    high, low = np.split(sums, 2)
    return high + low / FINE


def layer_norm(x: np.ndarray, gain: np.ndarray, bias: np.ndarray, epsilon: float) -> np.ndarray:
    """Rows of ``x`` brought to mean 0 and variance 1, then ``* gain + bias``.

    J. L. Ba et al., "Layer Normalization", 2016.
    """
    centred = x - x.mean(-1, keepdims=True)
    variance = np.square(centred).mean(-1, keepdims=True)
    return centred / np.sqrt(variance + epsilon) * gain + bias


def gelu(x: np.ndarray) -> np.ndarray:
    """``x * Phi(x)``, Phi the normal distribution; absolute error at most 2e-6 for |x| <= 10.

    D. Hendrycks and K. Gimpel, "Gaussian Error Linear Units", 2016. erf is approximation 7.1.26 of M. Abramowitz and
    I. A. Stegun, "Handbook of Mathematical Functions", 1964 (|error| <= 1.5e-7).
    """
    z = np.abs(x) * np.float32(0.5**0.5)
    t = 1 / (1 + np.float32(0.3275911) * z)
    series = np.float32(1.061405429)
    for coefficient in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = series * t + np.float32(coefficient)
    erf = 1 - series * t * np.exp(-z * z)
    return np.float32(0.5) * x * (1 + np.copysign(erf, x))


def unit(x: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1; a row of zeros stays one."""
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-12)
