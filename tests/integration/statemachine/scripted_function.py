"""A Lambda function that does what the execution's input asks, for tests of the state machines alone.

The input's ``script`` names errors by step: ``{"reframing": ["Runtime.ExitError", "QuadratNotFoundError"]}``; each
attempt takes the next one, then the step succeeds. The step is the last word of the function's ARN, so one function
with an alias for each step serves on AWS. Attempts are counted in memory: give it one concurrent execution. They are
counted for each execution, or for all that have the same ``script_id``, as a redrive goes on counting.
"""

import re
import time
from collections import Counter
from typing import Any

_attempts: Counter[object] = Counter()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Raise the attempt's error, or answer with what was received, and when."""
    step = re.split(r"[:-]", context.invoked_function_arn.removesuffix(":$LATEST"))[-1]
    script = event["input"].get("script", {}).get(step, [])
    counter = event["input"].get("script_id", event["execution"]["id"]), step
    attempt = _attempts[counter]
    _attempts[counter] += 1
    if attempt < len(script):
        raise type(script[attempt], (Exception,), {})(f"attempt {attempt} of {step}")
    return {"step": step, "attempts": attempt + 1, "received": sorted(event), "at": time.time()}
