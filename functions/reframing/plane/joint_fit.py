"""Joint fit of the camera's view to edge and string points: robust least squares, and how certain the corners are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import Float64Array, IndexArray
from reframing.plane.geometry import Extent, apply_homography, opening, wider_by
from reframing.plane.view import PlaneModel, undistort

# Robust scale of a residual, in parts of the side: beyond it a point counts linearly (soft L1).
SOFT_LIMIT = 0.0008
# One radial term of a lens behind a dome or flat port; 0.03 moves a picture's corner by 3 % of the half diagonal.
RADIAL_PRIOR = 0.03
# Distance between the strings' outermost cell and the inner edge, in parts of the side.
RIM_PRIOR = 0.008
PRIOR_POINTS = 0.05  # the priors weigh as much as this share of the points
MAX_STEPS = 25


@dataclass(frozen=True)
class Constraint:
    """Points that lie on one line of the quadrat's plane: a side (``outward`` -1 or 1) or a string (0).

    ``axis`` 0 says that the line is x = ``position``, 1 that it is y = ``position``.
    """

    points_px: Float64Array  # (N, 2)
    axis: int
    position: float
    outward: int
    weight: float


def on_a_side(side: int, extent: Extent, points_px: Float64Array, weight: float = 1.0) -> Constraint:
    """Return the constraint of points (N, 2) on the opening's top, right, bottom or left side (0 to 3)."""
    position = (0.0, extent[0], extent[1], 0.0)[side]
    return Constraint(points_px, (1, 0, 1, 0)[side], position, (-1, 1, 1, -1)[side], weight)


@dataclass(frozen=True)
class JointFit:
    """The model whose opening is the inner edge, and what is known about its quality."""

    model: PlaneModel
    rim: float  # how far outside the strings' grid the inner edge lies, parts of the side
    residuals: Float64Array  # (N,), parts of the side, signed
    corner_error: float  # estimated largest corner error (one sigma), parts of the side


@dataclass(frozen=True)
class _Problem:
    points: Float64Array
    axis: IndexArray
    target: Float64Array
    outward: Float64Array
    weight: Float64Array
    group: IndexArray
    with_rim: bool

    def plane(self, parameters: Float64Array) -> Float64Array:
        matrix = np.append(parameters[:8], 1.0).reshape(3, 3)
        return apply_homography(matrix, undistort(self.points, float(parameters[8])))

    def residuals(self, parameters: Float64Array) -> Float64Array:
        """Distance of every point to its line, parts of the side."""
        plane = self.plane(parameters)
        across = np.where(self.axis == 0, plane[:, 0], plane[:, 1])
        return np.asarray(across - self.target - self.outward * (parameters[9] if self.with_rim else 0.0))


def joint_fit(constraints: list[Constraint], start: PlaneModel) -> JointFit:
    """Fit homography, one radial term and, with strings and sides together, the rim between them.

    Levenberg-Marquardt on soft-L1 residuals measured in the quadrat's plane. ``start``'s opening is the strings' grid
    (or the inner edge where there are no strings). Raises ``numpy.linalg.LinAlgError`` when points do not
    determine the model.
    """
    problem = _assemble(constraints, start)
    inverse = np.linalg.inv(start.matrix)
    parameters = np.append((inverse / inverse[2, 2]).ravel()[:8], [start.radial, 0.0])[: 10 if problem.with_rim else 9]
    parameters = _levenberg_marquardt(problem, parameters)
    residuals = problem.residuals(parameters)
    rim = float(parameters[9]) if problem.with_rim else 0.0
    return JointFit(
        _edge_model(parameters, rim, start),
        rim,
        residuals,
        _corner_error(problem, parameters, residuals, start),
    )


def _assemble(constraints: list[Constraint], start: PlaneModel) -> _Problem:
    sizes = [len(item.points_px) for item in constraints]

    def spread(values: list[float]) -> Float64Array:
        return np.repeat(np.array(values, np.float64), sizes)

    outward = spread([item.outward for item in constraints])
    # Groups whose errors go together: a string, or an eighth of a side.
    group = np.concatenate(
        [
            index * 8 + (np.zeros(size) if item.outward == 0 else np.arange(size) * 8 // max(size, 1))
            for index, (item, size) in enumerate(zip(constraints, sizes, strict=True))
        ]
    ).astype(np.intp)
    return _Problem(
        start.normalise(np.concatenate([item.points_px for item in constraints])),
        spread([item.axis for item in constraints]).astype(np.intp),
        spread([item.position for item in constraints]),
        outward,
        spread([item.weight for item in constraints]),
        group,
        bool((outward == 0).any() and (outward != 0).any()),
    )


def _edge_model(parameters: Float64Array, rim: float, start: PlaneModel) -> PlaneModel:
    matrix = np.linalg.inv(np.append(parameters[:8], 1.0).reshape(3, 3))
    grid = PlaneModel(matrix / matrix[2, 2], float(parameters[8]), start.width_px, start.height_px, start.extent)
    return grid.after(wider_by(rim, start.extent))


def _prior_rows(problem: _Problem, parameters: Float64Array) -> Float64Array:
    scale = np.sqrt(PRIOR_POINTS * float(np.sum(problem.weight**2))) * SOFT_LIMIT
    rows = [parameters[8] / RADIAL_PRIOR * scale]
    if problem.with_rim:
        rows.append(parameters[9] / RIM_PRIOR * scale)
    return np.array(rows)


def _weights(problem: _Problem, residuals: Float64Array) -> Float64Array:
    """Iteratively reweighted form of the soft-L1 loss 2 (sqrt(1 + z^2) - 1)."""
    return np.asarray(problem.weight / (1 + (residuals / SOFT_LIMIT) ** 2) ** 0.25)


def _cost(problem: _Problem, parameters: Float64Array) -> float:
    z = problem.residuals(parameters) / SOFT_LIMIT
    robust = np.sum(problem.weight**2 * 2 * (np.sqrt(1 + z**2) - 1)) * SOFT_LIMIT**2
    return float(robust + np.sum(_prior_rows(problem, parameters) ** 2))


def _jacobian(function: Callable[[Float64Array], Float64Array], parameters: Float64Array) -> Float64Array:
    base = function(parameters)
    columns = []
    for index in range(len(parameters)):
        step = np.zeros_like(parameters)
        step[index] = 1e-6 * max(1.0, abs(float(parameters[index])))
        columns.append((function(parameters + step) - base) / step[index])
    return np.stack(columns, axis=1)


def _levenberg_marquardt(problem: _Problem, parameters: Float64Array) -> Float64Array:
    damping, cost = 1e-4, _cost(problem, parameters)
    for _ in range(MAX_STEPS):
        residuals = problem.residuals(parameters)
        weights = _weights(problem, residuals)
        rows = np.vstack(
            [
                weights[:, None] * _jacobian(problem.residuals, parameters),
                _jacobian(lambda p: _prior_rows(problem, p), parameters),
            ]
        )
        values = np.append(weights * residuals, _prior_rows(problem, parameters))
        normal, gradient = rows.T @ rows, rows.T @ values
        gained = 0.0
        for _ in range(6):
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -gradient)
            trial = _cost(problem, parameters + step)
            if trial < cost:
                gained = (cost - trial) / cost
                parameters, cost, damping = parameters + step, trial, damping * 0.2
                break
            damping *= 6
        if gained < 1e-5:
            return parameters
    return parameters


def _corner_error(problem: _Problem, parameters: Float64Array, residuals: Float64Array, start: PlaneModel) -> float:
    """Estimate the largest corner error (one sigma, parts of the side) with a cluster-robust covariance.

    Points along one string or one part of a side err together, so the covariance is the sandwich estimator over such
    groups (Liang and Zeger 1986) instead of one that takes points as independent.
    """
    weights = _weights(problem, residuals)
    jacobian = weights[:, None] * _jacobian(problem.residuals, parameters)
    prior = _jacobian(lambda p: _prior_rows(problem, p), parameters)
    bread = np.linalg.inv(jacobian.T @ jacobian + prior.T @ prior)
    count = int(problem.group.max()) + 1
    scores = np.zeros((count, len(parameters)))
    np.add.at(scores, problem.group, jacobian * (weights * residuals)[:, None])
    used = int(np.count_nonzero(np.abs(scores).sum(1)))
    correction = used / max(used - len(parameters), 1)
    covariance = bread @ (scores.T @ scores) @ bread * correction

    def corners(values: Float64Array) -> Float64Array:
        rim = float(values[9]) if problem.with_rim else 0.0
        return _edge_model(values, rim, start).corners_px.ravel()

    moves = _jacobian(corners, parameters)
    variance = np.diag(moves @ covariance @ moves.T).reshape(4, 2).sum(1)
    width, height = start.extent
    three_sides = np.linalg.norm(np.diff(start.to_image(opening(start.extent)), axis=0), axis=1)
    side = (three_sides / np.array([width, height, width])).mean()
    return float(np.sqrt(np.maximum(variance, 0).max()) / side)
