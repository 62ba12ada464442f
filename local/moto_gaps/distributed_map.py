"""The distributed Map: moto's runs its items inside the parent, loses those that fail, and writes an empty manifest.

Here each item is a child execution of its own, as the Step Functions developer guide says (Map state in distributed
mode, ItemReader, ResultWriter). It has a name and a history, and ListExecutions of the Map Run lists it. At most
`MaxConcurrency` run at once. The Map Run fails when more than the tolerated share has failed. The result writer leaves
SUCCEEDED_n, FAILED_n and PENDING_n files and the manifest that names them.
"""

from __future__ import annotations

import copy
import json
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from local.moto_gaps.jsonata import evaluate_in
from local.moto_gaps.patching import replace

_LOOK_S = 0.05
_THRESHOLD = "States.ExceedToleratedFailureThreshold"


@dataclass
class Children:
    """The child executions of a Map Run by the number of their item, and the inputs of those that did not start."""

    writer: dict[str, Any] | None  # the Map state's ResultWriter
    executions: dict[int, Any] = field(default_factory=dict)
    pending: list[Any] = field(default_factory=list)


def install(backend_of: Callable[[str, str], Any], stop: Callable[[Any], None]) -> None:
    """Replace moto's Map Run, its listing of S3 objects and its result writer.

    `backend_of(account, region)` is moto's Step Functions, `stop` ends an execution.
    """
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import (
        resource_eval_s3 as reader,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration.distributed_iteration_component import (
        DistributedIterationComponent,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.state_map import StateMap

    def map_run(_self: Any, env: Any, eval_input: Any) -> None:
        _MapRun(env, eval_input, backend_of, stop).run()

    replace(DistributedIterationComponent, "_map_run", map_run)
    replace(reader.ResourceEvalS3, "_handle_list_objects_v2", staticmethod(_list_objects))
    _write_results(StateMap)
    _list_children()


def readable(definition: str) -> str:
    """Return a definition as moto's parser reads it: it knows no ResultWriter in JSONata, and no whole percentage."""
    if '"DISTRIBUTED"' not in definition:
        return definition
    known = json.loads(definition)
    for state in _map_states(known).values():
        state.pop("ResultWriter", None)
        if isinstance(state.get("ToleratedFailurePercentage"), int):
            state["ToleratedFailurePercentage"] = float(state["ToleratedFailurePercentage"])
    return json.dumps(known)


class _MapRun:
    """One run of a distributed Map."""

    def __init__(
        self, env: Any, eval_input: Any, backend_of: Callable[[str, str], Any], stop: Callable[[Any], None]
    ) -> None:
        self._env, self._given, self._record = env, eval_input, eval_input.map_run_record
        self._stop = stop
        _, _, _, region, account, *_ = self._record.map_run_arn.split(":")
        self._backend = backend_of(account, region)
        self._machine, writer = self._child_machine()
        self._children = Children(writer)
        self._record.children = self._children
        self._lock = threading.Lock()
        self._failed = 0
        self._exceeded = False

    def run(self) -> None:
        """Run every item and leave the outputs of the children, in the order of the items, on the stack."""
        inputs = [self._selected(index, item) for index, item in enumerate(self._env.stack.pop())]
        self._count(total=len(inputs), pending=len(inputs))
        todo = list(enumerate(inputs))[::-1]
        workers = self._record.max_concurrency or len(inputs)
        threads = [
            threading.Thread(target=self._work, args=(todo, len(inputs)), name="map run", daemon=True)
            for _ in range(min(workers, len(inputs)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._children.pending = [given for _, given in reversed(todo)]
        if self._exceeded:
            raise self._failure()
        ended = self._children.executions
        self._env.stack.append([ended[index].output if index in ended else None for index in range(len(inputs))])

    def _work(self, todo: list[tuple[int, Any]], total: int) -> None:
        while self._goes_on():
            with self._lock:
                if not todo:
                    return
                index, given = todo.pop()
            self._count(pending=-1, running=1)
            child = self._backend.start_execution(self._machine.arn, str(uuid.uuid4()), json.dumps(given))
            child.map_run_arn = self._record.map_run_arn
            self._children.executions[index] = child
            while child.status == "RUNNING":
                if not self._goes_on():
                    self._stop(child)
                    break
                time.sleep(_LOOK_S)
            self._ended(str(child.status), total)

    def _ended(self, status: str, total: int) -> None:
        counted = {"SUCCEEDED": "succeeded", "TIMED_OUT": "timed_out", "ABORTED": "aborted"}.get(status, "failed")
        self._count(running=-1, **{counted: 1})
        with self._lock:
            self._failed += counted in ("failed", "timed_out")
            count, percentage = self._record.tolerated_failure_count, self._record.tolerated_failure_percentage
            # Either limit may be exceeded; without any, no failure is tolerated.
            over = self._failed > max(count, total * percentage / 100)
            self._exceeded = self._exceeded or over

    def _goes_on(self) -> bool:
        return bool(self._env.is_running()) and not self._exceeded

    def _count(self, **changes: int) -> None:
        for counter in (self._record.item_counter, self._record.execution_counter):
            for name, change in changes.items():
                getattr(counter, name).offset(change)

    def _selected(self, index: int, item: Any) -> Any:
        """Return a child's input: the item, or what ItemSelector makes of it."""
        if self._given.item_selector is None:
            return item
        from moto.stepfunctions.parser.asl.eval.states import ItemData, MapData

        frame = self._env.open_inner_frame()
        try:
            frame.states.reset(input_value=self._env.states.get_input())
            frame.states.context_object.context_object_data["Map"] = MapData(Item=ItemData(Index=index, Value=item))
            self._given.item_selector.eval(frame)
            return frame.stack[-1]
        finally:
            self._env.delete_frame(frame)

    def _child_machine(self) -> tuple[Any, dict[str, Any] | None]:
        """Return the state machine that the children run, and what becomes of their results."""
        parent = self._backend.describe_state_machine(self._record.map_state_machine_arn.rpartition("/")[0])
        label = self._record.map_state_machine_arn.rpartition("/")[2]
        definition = json.loads(parent.definition)
        state = _map_states(definition)[self._given.state_name]
        processor, writer = state["ItemProcessor"], state.get("ResultWriter")
        child = copy.copy(parent)
        child.name, child.arn = f"{parent.name}/{label}", f"{parent.arn}/{label}"
        child.executions = []
        child.definition = json.dumps(
            {
                "QueryLanguage": definition.get("QueryLanguage", "JSONPath"),
                "StartAt": processor["StartAt"],
                "States": processor["States"],
            }
        )
        known = [machine for machine in self._backend.state_machines if machine.arn == child.arn]
        if known:
            return known[0], writer
        self._backend.state_machines.append(child)
        return child, writer

    def _failure(self) -> Exception:
        from moto.stepfunctions.parser.api import HistoryEventType
        from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
        from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import (
            FailureEvent,
            FailureEventException,
        )

        cause = "The specified tolerated failure threshold was exceeded"
        details: Any = {"mapRunFailedEventDetails": {"error": _THRESHOLD, "cause": cause}}
        return FailureEventException(
            failure_event=FailureEvent(
                env=self._env,
                error_name=ErrorName(_THRESHOLD),
                event_type=HistoryEventType.MapRunFailed,
                event_details=details,
            )
        )


def _map_states(node: Any) -> dict[str, Any]:
    """Return every Map state of a definition by its name."""
    found: dict[str, Any] = {}
    if isinstance(node, dict):
        for name, state in node.get("States", {}).items():
            if isinstance(state, dict) and state.get("Type") == "Map":
                found[name] = state
        for value in node.values():
            found |= _map_states(value)
    return found


# -- S3


def _client(part: Any, credentials: Any) -> Any:
    from moto.stepfunctions.parser.asl.component.state.exec.state_map.item_reader.eval import (
        resource_eval_s3 as reader,
    )

    return reader.ResourceEvalS3._get_s3_client(part, credentials)


def _list_objects(env: Any, resource_runtime_part: Any, state_credentials: Any) -> None:
    """Gap: the first thousand objects only, and a crash where there is none."""
    pages = _client(resource_runtime_part, state_credentials).get_paginator("list_objects_v2")
    env.stack.append(
        [
            {
                "Etag": item["ETag"],
                "Key": item["Key"],
                "LastModified": int(item["LastModified"].timestamp()),
                "Size": item["Size"],
                "StorageClass": item.get("StorageClass", "STANDARD"),
            }
            for page in pages.paginate(**env.stack.pop())
            for item in page.get("Contents", [])
        ]
    )


def _write_results(state_map: Any) -> None:
    """Gap: no ResultWriter in JSONata, an empty manifest in JSONPath, and nothing at all of a Map Run that fails."""

    def _eval_execution(self: Any, env: Any) -> None:
        before = len(env.map_run_record_pool_manager.get_all())
        failure = None
        try:
            original(self, env)
        except Exception as error:
            failure = error
        for record in env.map_run_record_pool_manager.get_all()[before:]:
            children = getattr(record, "children", None)
            if children is not None and children.writer is not None:
                details = _written(record, _resolved(children.writer, env))
                if failure is None:
                    env.stack[-1] = details
        if failure is not None:
            raise failure

    original = replace(state_map, "_eval_execution", _eval_execution)


def _resolved(value: Any, env: Any) -> Any:
    """Return `value` with its JSONata expressions evaluated."""
    if isinstance(value, dict):
        return {name: _resolved(item, env) for name, item in value.items()}
    if isinstance(value, str) and value.startswith("{%"):
        return evaluate_in(env, value.removeprefix("{%").removesuffix("%}").strip())
    return value


def _written(record: Any, writer: dict[str, Any]) -> dict[str, Any]:
    """Write the files of a Map Run and their manifest; returns what the Map state gives out then."""
    from moto.stepfunctions.parser.asl.utils.boto_client import boto_client_for

    given, config = writer["Arguments"], writer.get("WriterConfig", {})
    client: Any = boto_client_for(region=record.map_run_arn.split(":")[3], service="s3")
    folder = "/".join(filter(None, [given.get("Prefix", "").strip("/"), record.map_run_arn.rpartition(":")[2]]))
    files: dict[str, list[dict[str, Any]]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    lines = config.get("OutputType", "JSON") == "JSONL"
    for kind, results in _results(record.children, config.get("Transformation", "NONE")).items():
        if results:
            body = "\n".join(map(json.dumps, results)) if lines else json.dumps(results)
            key = f"{folder}/{kind}_0.{'jsonl' if lines else 'json'}"
            client.put_object(Bucket=given["Bucket"], Key=key, Body=body.encode())
            files[kind].append({"Key": key, "Size": len(body.encode())})
    manifest = {"DestinationBucket": given["Bucket"], "MapRunArn": record.map_run_arn, "ResultFiles": files}
    key = f"{folder}/manifest.json"
    client.put_object(Bucket=given["Bucket"], Key=key, Body=json.dumps(manifest).encode())
    for counter in (record.item_counter, record.execution_counter):
        counter.results_written.offset(len(record.children.executions))
    return {"MapRunArn": record.map_run_arn, "ResultWriterDetails": {"Bucket": given["Bucket"], "Key": key}}


def _results(children: Children, transformation: str) -> dict[str, list[Any]]:
    results: dict[str, list[Any]] = {"FAILED": [], "PENDING": [], "SUCCEEDED": []}
    for index in sorted(children.executions):
        child = children.executions[index]
        if child.status != "SUCCEEDED":
            results["FAILED"].append(_described(child))
        elif transformation == "NONE":
            results["SUCCEEDED"].append(_described(child))
        elif transformation == "FLATTEN" and isinstance(child.output, list):
            results["SUCCEEDED"].extend(child.output)
        else:
            results["SUCCEEDED"].append(child.output)
    results["PENDING"] = [
        {"Input": json.dumps(given), "InputDetails": {"Included": True}} for given in children.pending
    ]
    return results


def _described(child: Any) -> dict[str, Any]:
    """Return what DescribeExecution says of a child, as result files hold it."""
    found = {
        "ExecutionArn": child.exec_arn,
        "Input": child.execution_input,
        "InputDetails": {"Included": True},
        "Name": child.name,
        "RedriveCount": 0,
        "StartDate": child.start_date.isoformat(),
        "StateMachineArn": child.state_machine_arn,
        "Status": str(child.status),
        "StopDate": child.stop_date.isoformat() if child.stop_date else None,
    }
    if child.status == "SUCCEEDED":
        return {**found, "Output": json.dumps(child.output), "OutputDetails": {"Included": True}}
    return {**found, "Error": child.error, "Cause": child.cause}


def _list_children() -> None:
    """Gap: ListExecutions does not know Map Runs."""
    from moto.core.responses import ActionResult
    from moto.stepfunctions.responses import StepFunctionResponse

    def list_executions(self: Any) -> Any:
        run = self._get_param("mapRunArn")
        if run is None:
            return original(self)
        machine = run.rpartition(":")[0].replace(":mapRun:", ":stateMachine:")
        found, wanted = [], self._get_param("statusFilter")
        for child in self.stepfunction_backend.describe_state_machine(machine).executions:
            if getattr(child, "map_run_arn", None) == run and wanted in (None, child.status):
                item = {
                    "executionArn": child.exec_arn,
                    "stateMachineArn": machine,
                    "mapRunArn": run,
                    "name": child.name,
                    "status": child.status,
                    "startDate": child.start_date,
                }
                found.append({**item, "stopDate": child.stop_date} if child.stop_date else item)
        return ActionResult({"executions": found[::-1]})

    original = replace(StepFunctionResponse, "list_executions", list_executions)
