"""Joint fit of the camera's view to points on edges and strings: robust least squares, and the corners' error."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from reefsteps.arrays import Float64Array, IndexArray
from reframing.limits.plane import JOINT_FIT as LIMITS
from reframing.plane.geometry import Extent, apply_homography, opening, widened_by
from reframing.plane.side import Side
from reframing.plane.view import PlaneModel, undistort

# The parameters of the fit: a homography without its last element (1), then one number each.
HOMOGRAPHY = RADIAL = 8
EDGE_DISTANCE = 9


@dataclass(frozen=True)
class Constraint:
    """Points that lie on one line of the quadrat's plane: a side (``outward`` -1 or 1) or a string (0).

    The line is x = ``position`` for ``axis`` 0, y = ``position`` for ``axis`` 1.
    """

    points_px: Float64Array  # (N, 2)
    axis: int
    position: float
    outward: int
    weight: float


def side_constraint(side: Side, extent: Extent, points_px: Float64Array, weight: float = 1.0) -> Constraint:
    """Return the constraint of points (N, 2) on one of the opening's sides."""
    return Constraint(points_px, side.across_axis, side.position(extent), side.outward, weight)


@dataclass(frozen=True)
class JointFit:
    """The model whose opening is the inner edge, and what is known about its quality."""

    model: PlaneModel
    edge_distance: float  # from the strings' outline outwards to the inner edge, share of the side
    residuals: Float64Array  # (N,), shares of the side, signed
    corner_error: float  # estimated largest corner error (one sigma), share of the side


@dataclass(frozen=True)
class _Problem:
    points: Float64Array
    axis: IndexArray
    target: Float64Array
    outward: Float64Array
    weight: Float64Array
    group: IndexArray
    with_edge_distance: bool

    def plane(self, parameters: Float64Array) -> Float64Array:
        matrix = np.append(parameters[:HOMOGRAPHY], 1.0).reshape(3, 3)
        return apply_homography(matrix, undistort(self.points, float(parameters[RADIAL])))

    def residuals(self, parameters: Float64Array) -> Float64Array:
        """Return the distance of every point from its line, (N,), shares of the side."""
        plane = self.plane(parameters)
        across = np.where(self.axis == 0, plane[:, 0], plane[:, 1])
        return np.asarray(
            across - self.target - self.outward * (parameters[EDGE_DISTANCE] if self.with_edge_distance else 0.0)
        )


def joint_fit(constraints: list[Constraint], start: PlaneModel) -> JointFit:
    """Return the fit of a homography, one radial term and the distance between strings and inner edge.

    The distance is fitted only if there are both strings and sides. The loss is soft L1 on residuals in the quadrat's
    plane, minimised by Levenberg-Marquardt. The opening of ``start`` is the strings' outline, or the inner edge if
    there are no strings. Raises ``numpy.linalg.LinAlgError`` if the points do not determine the model.
    """
    problem = _assemble(constraints, start)
    inverse = np.linalg.inv(start.matrix)
    parameters = np.append((inverse / inverse[2, 2]).ravel()[:HOMOGRAPHY], [start.radial, 0.0])
    parameters = parameters if problem.with_edge_distance else parameters[:EDGE_DISTANCE]
    parameters = _levenberg_marquardt(problem, parameters)
    residuals = problem.residuals(parameters)
    edge_distance = float(parameters[EDGE_DISTANCE]) if problem.with_edge_distance else 0.0
    return JointFit(
        _edge_model(parameters, edge_distance, start),
        edge_distance,
        residuals,
        _corner_error(problem, parameters, residuals, start),
    )


def _assemble(constraints: list[Constraint], start: PlaneModel) -> _Problem:
    sizes = [len(item.points_px) for item in constraints]

    def spread(values: list[float]) -> Float64Array:
        return np.repeat(np.array(values, np.float64), sizes)

    outward = spread([item.outward for item in constraints])
    parts = LIMITS.side_groups
    # Groups whose errors go together: a string, or an eighth of a side.
    group = np.concatenate(
        [
            index * parts + (np.zeros(size) if item.outward == 0 else np.arange(size) * parts // max(size, 1))
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


def _edge_model(parameters: Float64Array, edge_distance: float, start: PlaneModel) -> PlaneModel:
    matrix = np.linalg.inv(np.append(parameters[:HOMOGRAPHY], 1.0).reshape(3, 3))
    grid = PlaneModel(matrix / matrix[2, 2], float(parameters[RADIAL]), start.width_px, start.height_px, start.extent)
    return grid.compose(widened_by(edge_distance, start.extent))


def _prior_rows(problem: _Problem, parameters: Float64Array) -> Float64Array:
    scale = np.sqrt(LIMITS.prior_weight * float(np.sum(problem.weight**2))) * LIMITS.soft_limit
    rows = [parameters[RADIAL] / LIMITS.radial_prior * scale]
    if problem.with_edge_distance:
        rows.append(parameters[EDGE_DISTANCE] / LIMITS.edge_distance_prior * scale)
    return np.array(rows)


def _weights(problem: _Problem, residuals: Float64Array) -> Float64Array:
    """Return the weights (N,) of the iteratively reweighted form of the soft-L1 loss 2 (sqrt(1 + z^2) - 1)."""
    return np.asarray(problem.weight / (1 + (residuals / LIMITS.soft_limit) ** 2) ** 0.25)


def _cost(problem: _Problem, parameters: Float64Array) -> float:
    z = problem.residuals(parameters) / LIMITS.soft_limit
    robust = np.sum(problem.weight**2 * 2 * (np.sqrt(1 + z**2) - 1)) * LIMITS.soft_limit**2
    return float(robust + np.sum(_prior_rows(problem, parameters) ** 2))


def _jacobian(function: Callable[[Float64Array], Float64Array], parameters: Float64Array) -> Float64Array:
    base = function(parameters)
    columns = []
    for index in range(len(parameters)):
        step = np.zeros_like(parameters)
        step[index] = LIMITS.difference * max(1.0, abs(float(parameters[index])))
        columns.append((function(parameters + step) - base) / step[index])
    return np.stack(columns, axis=1)


def _levenberg_marquardt(problem: _Problem, parameters: Float64Array) -> Float64Array:
    damping, cost = LIMITS.first_damping, _cost(problem, parameters)
    for _ in range(LIMITS.max_steps):
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
        for _ in range(LIMITS.max_trials):
            step = np.linalg.solve(normal + damping * np.diag(np.diag(normal)), -gradient)
            trial = _cost(problem, parameters + step)
            if trial < cost:
                gained = (cost - trial) / cost
                parameters, cost, damping = parameters + step, trial, damping * LIMITS.damping_after_success
                break
            damping *= LIMITS.damping_after_failure
        if gained < LIMITS.min_gain:
            return parameters
    return parameters


def _corner_error(problem: _Problem, parameters: Float64Array, residuals: Float64Array, start: PlaneModel) -> float:
    """Return the estimated largest corner error, one sigma, share of the side.

    Points along one string or one part of a side err together. So the covariance is the cluster-robust sandwich
    estimator over such groups (Liang and Zeger 1986), not one for independent points.
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
        edge_distance = float(values[EDGE_DISTANCE]) if problem.with_edge_distance else 0.0
        return _edge_model(values, edge_distance, start).corners_px.ravel()

    moves = _jacobian(corners, parameters)
    variance = np.diag(moves @ covariance @ moves.T).reshape(4, 2).sum(1)
    width, height = start.extent
    three_sides = np.linalg.norm(np.diff(start.to_image(opening(start.extent)), axis=0), axis=1)
    side = (three_sides / np.array([width, height, width])).mean()
    return float(np.sqrt(np.maximum(variance, 0).max()) / side)
