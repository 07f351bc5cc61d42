"""Mode-specific normalisation: numbers as a mode of a Gaussian mixture, and a place within it.

Xu et al. 2019, https://arxiv.org/abs/1907.00503, section 4.2.
"""

import warnings
from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sparring.modalities.table_codings import Measured, above, along, counted, distance, to_keys, to_numbers, unit_of
from sparring.modalities.table_columns import Column

SAMPLE = 10_000
"""values that a mixture is fitted to, at most: the lightest mode has 50 of them, and the time grows with them (all 48,842 of Adult: 34 s, so 5 s)"""
LEAST = 0.005
"""weight below which a mode is none"""
CONCENTRATION = 0.001
"""of the Dirichlet process: so small that modes that are not needed get no weight"""
REACH = 4.0
"""standard deviations from a mode's mean to the end of its places"""
BLOCK = 2**16
"""values that are placed at a time"""


class Mixture(Measured):
    """rho_k = w_k N(x; mean_k, deviation_k^2),  k ~ rho_k / sum rho,  place = (x - mean_k) / (4 deviation_k), cut to [-1, 1]

    A value's mode is drawn, as published, since the most probable one would cut modes off where they meet, which leaves shapes within them that no
    Gaussian has. The draw is a function of the value: so rows are encoded alike in any order and company. A mode that the value is further than
    four deviations from is not drawn where there is a nearer one, or the value would be lost.

    x is the part of the way from the least number to the greatest. Whole numbers, decimals and dates come back exactly where four deviations are
    less than a billion steps; what no mode reaches comes back as the end of one, and what is beyond the range of the data as an end of it.
    """

    def __init__(self, column: Column, exact: pa.Array, span: np.ndarray, modes: np.ndarray, unit: int, shares: np.ndarray):
        """exact: values of their own; span (2,): the least key and the end; modes (3, k): weights, means and deviations, means ascending;
        unit: of the step, 0 for none."""
        self.column, self.exact, self.span, self.modes, self.unit = column, exact, span, modes, unit
        self.bins, self.sizes, self.shares = modes.shape[1], (modes.shape[1] + len(exact),), (shares,)

    @classmethod
    def fit(cls, column: Column, array: pa.Array, modes: int) -> "Mixture | None":
        """At most so many modes; None where there are no two numbers."""
        values, counts, numbers, finite = counted(column, array)
        if not finite.any():
            return None
        unit = unit_of(column, numbers[finite])
        keys, which = np.unique(to_keys(numbers[finite], unit), return_inverse=True)
        if len(keys) < 2:
            return None
        span = np.array([keys[0], above(keys[-1]) if unit else keys[-1]])
        own = np.flatnonzero(~finite)[pc.sort_indices(values.filter(pa.array(~finite))).to_numpy()]
        exact = values.take(pa.array(own))
        coding = cls(column, exact, span, np.ones((3, 1)), unit, np.ones(1 + len(exact)))
        each = np.bincount(which, counts[finite])
        below = each.cumsum()
        k = min(SAMPLE, int(below[-1]))
        taken = np.searchsorted(below, (np.arange(k) + 0.5) * (below[-1] / k), "right")                  # at even ranks: the same in any order
        found = modes_of(coding._parts(keys)[taken], modes)
        coding = cls(column, exact, span, found, unit, np.ones(found.shape[1] + len(exact)))
        held = np.bincount(coding.place(keys)[0], each, minlength=coding.bins)
        coding.shares = (np.concatenate([held, counts[own]]) / counts.sum(),)
        return coding

    def ends(self):
        code = np.arange(self.bins)
        return tuple(to_numbers(self.keys(code, np.full(self.bins, end)), self.unit, self.column) for end in (-1.0, 1.0))

    def place(self, keys):
        parts = [self._place(keys[first : first + BLOCK]) for first in range(0, max(1, len(keys)), BLOCK)]
        return tuple(np.concatenate(part) for part in zip(*parts))

    def _place(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        weights, means, deviations = self.modes
        z = (self._parts(keys)[:, None] - means) / deviations                                           # (n, modes)
        log_density = np.log(weights / deviations) - z**2 / 2 - 1e3 * (np.abs(z) > REACH)
        chances = np.exp(log_density - log_density.max(1, keepdims=True)).cumsum(1)
        code = (chances <= (uniform_of(keys) * chances[:, -1])[:, None]).sum(1)
        return code, np.clip(z[np.arange(len(z)), code] / REACH, -1, 1)

    def keys(self, code, within):
        _, means, deviations = self.modes
        part = np.clip(means[code] + REACH * deviations[code] * within, 0, 1)
        return along(self.span[:1], self.span[1:], part, whole=bool(self.unit))

    def _parts(self, keys: np.ndarray) -> np.ndarray:
        """Parts of the way from the least key to the end, (n,); of keys in steps those of the middles of their steps."""
        keys = np.clip(keys, *self.span)
        return (distance(keys, self.span[:1]) + (0.5 if self.unit else 0)) / distance(self.span[1:], self.span[:1])

    def arrays(self):
        return {
            "exact": self.exact, "span": pa.array(self.span), "unit": pa.array([self.unit]), "shares": pa.array(self.shares[0]),
            "weights": pa.array(self.modes[0]), "means": pa.array(self.modes[1]), "deviations": pa.array(self.modes[2]),
        }  # fmt: skip

    @classmethod
    def load(cls, column: Column, arrays: Mapping[str, pa.Array]) -> "Mixture":
        numbers = {name: array.to_numpy(zero_copy_only=False) for name, array in arrays.items() if name != "exact"}
        modes = np.stack([numbers[name] for name in ("weights", "means", "deviations")])
        return cls(column, arrays["exact"], numbers["span"], modes, int(numbers["unit"][0]), numbers["shares"])


def modes_of(x: np.ndarray, most: int) -> np.ndarray:
    """Weights, means and deviations (3, k) of a variational Gaussian mixture of numbers (n,) in [0, 1]; means ascending."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.mixture import BayesianGaussianMixture

    centre, scale = x.mean(), x.std() or 1.0                                     # 0 where the rarest values are not among them
    mixture = BayesianGaussianMixture(
        n_components=min(most, len(np.unique(x))), weight_concentration_prior_type="dirichlet_process",
        weight_concentration_prior=CONCENTRATION, max_iter=100, random_state=0,
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)                      # after 100 steps modes move by less than matters here
        mixture.fit(((x - centre) / scale)[:, None])
    weights, means, deviations = mixture.weights_, mixture.means_[:, 0], np.sqrt(mixture.covariances_[:, 0, 0])
    kept = [k for k in np.argsort(means) if weights[k] > LEAST]
    return np.stack([weights[kept] / weights[kept].sum(), means[kept] * scale + centre, deviations[kept] * scale])


# The output function of splitmix64, Steele et al. 2014, https://doi.org/10.1145/2714064.2660195
def uniform_of(keys: np.ndarray) -> np.ndarray:
    """A number in [0, 1) for every key (n,), a function of it alone, and as good as random."""
    x = (keys + 0).view(np.uint64) + np.uint64(0x9E3779B97F4A7C15)               # + 0: minus zero is zero
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        x = (x ^ (x >> np.uint64(shift))) * np.uint64(factor)
    return ((x ^ (x >> np.uint64(31))) >> np.uint64(11)) * 2.0**-53
