"""Logs, traces and metrics, the same for every function.

Every log line carries the execution's id. The metrics are seconds per step, failures by error name, and the values that
a step adds with `measure` (cover, colonies). Names and dimensions are interface: the dashboard and the alarms use them.
"""

from __future__ import annotations

import functools
import logging
import os
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from aws_lambda_powertools import Logger, Metrics, Tracer
from aws_lambda_powertools.metrics import MetricUnit, single_metric

from reefsteps.errors import ReefStepsError
from reefsteps.machine_faults import named_machine_faults

NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE") or "ReefSteps"
SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME") or "reefsteps"

logger = Logger(service=SERVICE)
tracer = Tracer(service=SERVICE)
metrics = Metrics(namespace=NAMESPACE, service=SERVICE)
# Failures are logged below, once; the tracer would log each again, bad photographs with a traceback.
logging.getLogger("aws_lambda_powertools.tracing.tracer").setLevel(logging.CRITICAL)

Handler = Callable[[dict[str, Any], Any], dict[str, Any]]


def step_handler(step: str) -> Callable[[Handler], Handler]:
    """Return a decorator for a Lambda handler that times, traces and logs it and counts its failures by error name.

    Neither the event nor the result is changed. Every exception reaches Lambda; a full disk or memory gets its name.
    """

    def decorate(handler: Handler) -> Handler:
        traced: Handler = tracer.capture_lambda_handler(handler, capture_response=False)

        @functools.wraps(handler)
        def run(event: dict[str, Any], context: Any) -> dict[str, Any]:
            with observed(step, event, context), named_machine_faults():
                return traced(event, context)

        return run

    return decorate


@contextmanager
def observed(step: str, event: dict[str, Any], context: Any) -> Iterator[None]:
    """Observe one invocation; see `step_handler`."""
    logger.clear_state()
    logger.append_keys(step=step, **_identity(event, context))
    started = time.perf_counter()
    try:
        yield
    except Exception as error:
        _failed(step, error)
        _forget_pictures(error)
        raise
    else:
        seconds = time.perf_counter() - started
        metrics.add_metric("StepSeconds", MetricUnit.Seconds, seconds)
        logger.info("done", seconds=round(seconds, 3))
    finally:
        metrics.add_dimension("step", step)
        if metrics.metric_set:
            metrics.flush_metrics()
        metrics.clear_metrics()


def measure(name: str, value: float, unit: MetricUnit = MetricUnit.Count) -> None:
    """Add a figure of the running step to its metrics."""
    metrics.add_metric(name, unit, value)


def _failed(step: str, error: Exception) -> None:
    name = type(error).__name__
    with single_metric("Failures", MetricUnit.Count, 1, namespace=NAMESPACE) as failure:
        failure.add_dimension("step", step)
        failure.add_dimension("error", name)
    if isinstance(error, ReefStepsError):
        logger.warning(str(error), error=name)
    else:
        logger.exception(str(error), error=name)


def _forget_pictures(error: BaseException) -> None:
    """Empty the frames that the error names: they hold the photograph, and something may hold the error.

    The tracer's record of it makes a cycle, which lives until Python looks for cycles. The next photograph of a warm
    worker would then need its memory beside this one's.
    """
    known: BaseException | None = error
    while known is not None:
        traceback.clear_frames(known.__traceback__)
        known = known.__context__


def _identity(event: dict[str, Any], context: Any) -> dict[str, str]:
    execution = event.get("execution") or {}
    entry = event.get("input") or {}
    identity = {
        "execution_id": execution.get("id"),
        "key": entry.get("key"),
        "request_id": getattr(context, "aws_request_id", None),
    }
    return {name: str(value) for name, value in identity.items() if value}
