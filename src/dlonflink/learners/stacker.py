"""Mixes what the heads say, and learns how by the row: an extended Kalman filter on a logistic model.

    t = s0 + m1 (s1 - s0) + ... [+ gate I],   o = t [+ d t]

s are the heads' logits, I is another input (the factorization machine's interaction). Weights of the heads add up to
one; d stretches all of it, so that the mix stays calibrated. The step for a label y of weight w, with inputs x and
covariance C (e.g. Anderson and Moore 1979, linearized at p):

    h = w max(p (1 - p), 1e-5);  u = C x;  m += u w (y - p) / (1 + h x'u);  C -= u u' h / (1 + h x'u);  C += q I
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from dlonflink.kernel import kernel

_PRIOR = 0.1
_PRIOR_STRETCH = 1e-3
_NOISE = 1e-6
_NOISE_STRETCH = 1e-8
_LEAST_SLOPE = 1e-5

Wide = NDArray[np.float64]


class Stacker(NamedTuple):
    """Weights in the order m1, m2, ..., gates, d."""

    weights: Wide  # [inputs]
    covariance: Wide  # [inputs, inputs]
    stretched: bool  # the last input is d's


def make_stacker(heads: int, gates: int, *, stretched: bool = True) -> Stacker:
    """Starts as the heads' mean, gates open, no stretch. Of one head there is nothing to mix: no inputs."""
    if heads == 1:
        return Stacker(np.zeros(0), np.zeros((0, 0)), stretched=False)
    weights, priors = [1 / heads] * (heads - 1) + [1.0] * gates, [_PRIOR] * (heads - 1 + gates)
    if stretched:
        weights, priors = [*weights, 0.0], [*priors, _PRIOR_STRETCH]
    return Stacker(np.array(weights), np.diag(priors), stretched)


@kernel
def mix(stacker: Stacker, logits: NDArray[np.float32], inputs: Wide) -> np.float64:
    """The logit. `inputs` has the gates' numbers in their places; the others are filled in here."""
    last = len(stacker.weights) - (1 if stacker.stretched else 0)
    total = np.float64(logits[0])
    for j in range(1, len(logits)):
        inputs[j - 1] = np.float64(logits[j]) - np.float64(logits[0])
    for i in range(last):
        total += stacker.weights[i] * inputs[i]
    if not stacker.stretched:
        return total
    inputs[last] = total
    return total + stacker.weights[last] * total


@kernel
def probability(logit: np.float64) -> np.float64:
    """The logistic function; logits are cut to ±30, where float64 still tells it from 0 and 1."""
    return 1.0 / (1.0 + np.exp(-min(max(logit, -30.0), 30.0)))


@kernel
def adapt(stacker: Stacker, inputs: Wide, gain: Wide, p: np.float64, label: np.float64, weight: np.float64) -> None:
    """One step after `mix` gave p; `gain` is room for as many numbers as there are inputs."""
    n = len(stacker.weights)
    slope = weight * max(p * (1.0 - p), _LEAST_SLOPE)
    variance = 0.0
    for a in range(n):
        gain[a] = 0.0
        for b in range(n):
            gain[a] += stacker.covariance[a, b] * inputs[b]
        variance += gain[a] * inputs[a]
    share = 1.0 / (1.0 + slope * variance)
    error = weight * (label - p) * share
    for a in range(n):
        stacker.weights[a] += gain[a] * error
        for b in range(n):
            stacker.covariance[a, b] -= slope * share * gain[a] * gain[b]
        stacker.covariance[a, a] += _NOISE_STRETCH if stacker.stretched and a == n - 1 else _NOISE
