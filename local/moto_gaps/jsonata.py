"""JSONata for moto's Step Functions: moto parses the ASL but ships no evaluator.

moto writes every variable as source text in front of the expression. A whole state document is then parsed for each
expression, and a string with a quote breaks the text. Here the values are bound instead, at 0.1 ms per expression.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from typing import Any

from local.moto_gaps.patching import replace


def install() -> None:
    """Let moto's JSONata strings evaluate with jsonata-python."""
    from moto.stepfunctions.parser.asl.component.common.string import string_expression

    for kind in (string_expression.StringJSONata, string_expression.StringVariableSample):
        replace(kind, "_eval_body", _evaluate_in_state)


def evaluate(expression: str, variables: dict[str, Any]) -> Any:
    """Return what ``expression`` gives with ``variables`` (names without ``$``) and Step Functions' own functions.

    Raises:
        ValueError: the expression gives nothing (undefined), which Step Functions refuses.
        Exception: what jsonata-python raises for a faulty expression.
    """
    result = _run(expression, variables)
    if result is None and not _run(f"$exists({expression})", variables):
        raise ValueError(f"The JSONata expression '{expression}' returned nothing (undefined).")
    return result


def _run(expression: str, variables: dict[str, Any]) -> Any:
    from jsonata import Jsonata

    compiled = Jsonata(expression)
    frame = compiled.create_frame()
    for name, function in _STATES_FUNCTIONS.items():
        frame.bind(name, Jsonata.JLambda(function))
    for name, value in variables.items():
        frame.bind(name, value)
    return compiled.evaluate(None, frame)


def evaluate_in(env: Any, expression: str) -> Any:
    """Return what an expression gives in a state of an execution: with its variables and ``$states``."""
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    store = env.variable_store
    known = {**store._outer_scope, **store._inner_scope, "states": env.states._states_data}
    return evaluate(expression, json.loads(to_json_str(known)))


def _evaluate_in_state(self: Any, env: Any) -> None:
    try:
        result = evaluate_in(env, self.expression)
    except Exception as error:
        raise _query_evaluation_error(env, str(error)) from error
    env.stack.append(json.loads(json.dumps(result)))


def _query_evaluation_error(env: Any, cause: str) -> Exception:
    """Return the ``States.QueryEvaluationError`` that Retry and Catch see, as AWS names it."""
    from moto.stepfunctions.parser.api import EvaluationFailedEventDetails, HistoryEventType
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
        FailureEvent,
        FailureEventException,
    )
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
    from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType

    name = StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError)
    details: Any = {"evaluationFailedEventDetails": EvaluationFailedEventDetails(cause=cause, error=name.error_name)}
    return FailureEventException(
        failure_event=FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.EvaluationFailed,
            event_details=details,
        )
    )


def _hash(value: Any, algorithm: str) -> str:
    return hashlib.new(algorithm.replace("-", "").lower(), str(value).encode()).hexdigest()


# https://docs.aws.amazon.com/step-functions/latest/dg/transforming-data.html, "JSONata functions provided by Step
# Functions"; the state machines use $parse.
_STATES_FUNCTIONS = {"parse": json.loads, "uuid": lambda: str(uuid.uuid4()), "hash": _hash}
