"""A scaling law fitted to a grid, and its forecast of a run that it never saw.

The law is L(N, D) = E + A / N^alpha + B / D^beta (Hoffmann et al. 2022, arXiv:2203.15556, approach 3): bits per byte
over parameters N and training tokens D. Its form is theirs, the loss function is not: least squares on the bits, since
a grid's runs lie within a factor of two of one another and none is an outlier.

Notable here: for given exponents the law is linear in E, A and B. So the fit is a search over a lattice of exponents,
with non-negative least squares solved at each by trying which of the three are zero; the projections do not depend on
the bits, so a bootstrap of many fits costs a few matrix products.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

EXPONENTS = np.geomspace(0.05, 1.5, 40)
RESAMPLES = 200
PARAMETERS = 5
MINIMUM = PARAMETERS + 1  # runs below which nothing is left over to judge the fit by
NAMES = ("E", "A", "B", "alpha", "beta")

Interval = tuple[float, float]


@dataclass(frozen=True)
class Law:
    """A fitted law with what a bootstrap says of it.

    Attributes:
        values: E, A, B, alpha, beta. A and B belong to N and D in units of `scale`.
        intervals: their 95% intervals, in the same order.
        scale: the geometric means of N and D, by which both are divided.
        residual: root mean square of what the fit leaves over, in bits per byte.
        draws: float64[resamples, 5], the fits to resampled residuals.
        residuals: float64[runs], what the fit leaves over, widened for the parameters that it spent.
    """

    values: tuple[float, ...]
    intervals: tuple[Interval, ...]
    scale: tuple[float, float]
    residual: float
    draws: np.ndarray
    residuals: np.ndarray

    def at(self, parameters: float, tokens: float) -> float:
        """Bits per byte that the law gives."""
        return float(_evaluate(np.array([self.values]), parameters / self.scale[0], tokens / self.scale[1])[0])

    def forecast(self, parameters: float, tokens: float, seed: int = 0) -> tuple[float, Interval]:
        """Bits per byte of one more run, with the interval in which 95% of such runs should lie."""
        center = _evaluate(self.draws, parameters / self.scale[0], tokens / self.scale[1])
        noise = np.random.default_rng(seed).choice(self.residuals, size=(len(center), 20))
        low, high = np.quantile(center[:, None] + noise, [0.025, 0.975])
        return self.at(parameters, tokens), (float(low), float(high))

    def document(self) -> dict[str, Any]:
        """The law as it is written down."""
        fitted = {
            name: {"value": value, "low": low, "high": high}
            for name, value, (low, high) in zip(NAMES, self.values, self.intervals, strict=True)
        }
        return {"law": "E + A (N/N0)^-alpha + B (D/D0)^-beta", "N0": self.scale[0], "D0": self.scale[1]} | {
            **fitted,
            "residual": self.residual,
        }


def fit(parameters: np.ndarray, tokens: np.ndarray, bits: np.ndarray, seed: int = 0) -> Law:
    """Fit the law to runs.

    Args:
        parameters, tokens, bits: float[runs].
        seed: of the bootstrap over residuals.

    Raises:
        ValueError: there are too few runs, or all of them have one size or one number of tokens.
    """
    if len(bits) < MINIMUM or len(set(parameters)) < 2 or len(set(tokens)) < 2:
        raise ValueError(
            f"a law needs {MINIMUM} runs or more, of at least two sizes and two token counts; there are {len(bits)}"
        )
    scale = float(np.exp(np.log(parameters).mean())), float(np.exp(np.log(tokens).mean()))
    solve = _Lattice(parameters / scale[0], tokens / scale[1])
    values = solve(bits[None])[0]
    fitted = _evaluate(values[None], parameters / scale[0], tokens / scale[1])
    residuals = bits - fitted
    spread = (residuals - residuals.mean()) * np.sqrt(len(bits) / (len(bits) - PARAMETERS))
    resampled = np.random.default_rng(seed).choice(spread, size=(RESAMPLES, len(bits)))
    draws = solve(fitted + resampled)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    intervals = tuple((float(one), float(other)) for one, other in zip(low, high, strict=True))
    residual = float(np.sqrt((residuals**2).mean()))
    return Law(tuple(map(float, values)), intervals, scale, residual, draws, spread)


def _evaluate(values: np.ndarray, parameters: np.ndarray | float, tokens: np.ndarray | float) -> np.ndarray:
    """values: float64[fits, 5]; N and D scaled, one each or [runs] for a single fit."""
    constant, large, long, alpha, beta = values.T
    return constant + large * np.power(parameters, -alpha) + long * np.power(tokens, -beta)


class _Lattice:
    """Non-negative least squares at every pair of exponents, prepared once for the runs' sizes and tokens."""

    def __init__(self, parameters: np.ndarray, tokens: np.ndarray) -> None:
        self.pairs = np.array(list(itertools.product(EXPONENTS, EXPONENTS)))
        count, runs = len(self.pairs), len(tokens)
        self.design = np.ones((count, runs, 3))
        self.design[:, :, 1] = parameters[None] ** -self.pairs[:, :1]
        self.design[:, :, 2] = tokens[None] ** -self.pairs[:, 1:]
        self.projections = []
        for size in (3, 2, 1):
            for kept in itertools.combinations(range(3), size):
                projection = np.zeros((count, 3, runs))
                projection[:, list(kept)] = np.linalg.pinv(self.design[:, :, list(kept)])
                self.projections.append(projection)

    def __call__(self, bits: np.ndarray) -> np.ndarray:
        """The best law for each row of `bits` [fits, runs]: float64[fits, 5]."""
        return np.array([self._best(row) for row in bits])

    def _best(self, bits: np.ndarray) -> np.ndarray:
        best, least = np.zeros(PARAMETERS), np.inf
        for projection in self.projections:
            coefficients = projection @ bits
            errors = ((np.einsum("grk,gk->gr", self.design, coefficients) - bits) ** 2).sum(1)
            errors[(coefficients < 0).any(1)] = np.inf
            place = int(errors.argmin())
            if errors[place] < least:
                best, least = np.concatenate([coefficients[place], self.pairs[place]]), errors[place]
        return best
