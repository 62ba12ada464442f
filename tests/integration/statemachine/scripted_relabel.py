"""Stands in for the relabel function: registers the groups that the input lists, and fails in them as they say.

A group is ``{"name": "a", "script": ["Runtime.ExitError"]}``; each attempt takes the next error, then it succeeds.
"""

from collections import Counter
from typing import Any

_attempts: Counter[object] = Counter()


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Return the groups of the list, or carry out one of them."""
    if event["action"] == "register":
        given, name = event["input"], event["execution"]["name"]
        _fail(name, given.get("script", []))
        return {"relabelling_id": name, "groups": given["groups"]}
    group = event["group"]
    _fail((event["relabelling_id"], group["name"]), group.get("script", []))
    return {"relabelling_id": event["relabelling_id"], "group": group["name"]}


def _fail(who: object, script: list[str]) -> None:
    attempt = _attempts[who]
    _attempts[who] += 1
    if attempt < len(script):
        raise type(script[attempt], (Exception,), {})(f"attempt {attempt}")
