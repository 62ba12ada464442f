"""The table of runs in line, against how the state machines write and read it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from scripts.deployment import Deployment, Json
from scripts.relations.integrations import machines
from scripts.relations.paper import Stack
from scripts.state_machine_rules import tasks


def items_have_the_tables_keys(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each item that a state names or writes has the table's keys, with their types and no other."""
    for machine in machines(d, stack):
        for name, state in tasks(machine.definition):
            arguments = state.get("Arguments")
            given = arguments if isinstance(arguments, dict) else {}
            table = stack.named(str(machine.substitutions.get(str(given.get("TableName", ""))[2:-1], "")))
            if "TableName" not in given:
                continue
            if table is None:
                yield f"{machine.name}: '{name}' uses {given['TableName']}, which is no table of the stack"
                continue
            where, keys = f"{machine.name}: '{name}'", _keys(stack.properties(table))
            if "Key" in given and _types(given["Key"]) != keys:
                yield f"{where} names an item by {_types(given['Key'])}, and {table} has the keys {keys}"
            if "Item" in given and not keys.items() <= _types(given["Item"]).items():
                yield f"{where} writes an item without the keys {keys} of {table}"
            if "KeyConditionExpression" in given:
                yield from _query_faults(where, given, stack.properties(table))


def _keys(table: Json) -> dict[str, str]:
    types = {entry["AttributeName"]: entry["AttributeType"] for entry in table.get("AttributeDefinitions", [])}
    return {entry["AttributeName"]: types.get(entry["AttributeName"], "nothing") for entry in table["KeySchema"]}


def _types(item: Any) -> dict[str, str]:
    return {name: next(iter(value), "") for name, value in item.items()} if isinstance(item, dict) else {}


def _query_faults(where: str, query: Json, table: Json) -> Iterator[str]:
    hashed = next(entry["AttributeName"] for entry in table["KeySchema"] if entry["KeyType"] == "HASH")
    if len(table["KeySchema"]) < 2:
        yield f"{where} looks for the first in a table without an order"
    asked = str(query["KeyConditionExpression"]).split(" ")[0]
    if query.get("ExpressionAttributeNames", {}).get(asked, asked) != hashed:
        yield f"{where} asks by {asked}, and the table is kept by {hashed}"
    if query.get("ScanIndexForward", True) is not True:
        yield f"{where} takes the last of the line before the first"
    if query.get("ConsistentRead") is not True:
        yield f"{where} may see a line of seconds ago"
