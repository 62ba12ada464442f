"""Quantiles, from scipy. It is loaded at the first use: it takes half a second, and most pages need none."""

from __future__ import annotations

from functools import cache

CONFIDENCE = 0.95


@cache
def t_quantile(probability: float, degrees: int) -> float:
    """Return the quantile of Student's t distribution.

    Raises ValueError for a probability outside (0.5, 1) or fewer than one degree of freedom.
    """
    if not 0.5 < probability < 1 or degrees < 1:
        raise ValueError("t_quantile needs a probability between 0.5 and 1 and at least one degree of freedom")
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


@cache
def normal_quantile(probability: float) -> float:
    """Return the quantile of the standard normal distribution."""
    from scipy.special import ndtri

    return float(ndtri(probability))


def two_sided(degrees: float) -> float:
    """Return by how many standard errors a 95 % interval of Student's t reaches to each side.

    Degrees that are not whole (Welch, Satterthwaite) are rounded down, so the interval is never too narrow.
    """
    return t_quantile(0.5 + CONFIDENCE / 2, max(1, int(degrees)))
