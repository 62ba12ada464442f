"""Step Functions: what moto's interpreter does otherwise than AWS, and the journal of executions."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, cast

from local.journal import Journal, JournalledExecution
from local.moto_gaps import distributed_map, speed
from local.moto_gaps.patching import replace

_HISTORY_PAGE = 100  # GetExecutionHistory's default


def install(journal: Journal) -> None:
    """Repair how executions are started, stopped, listed and told, and write them to ``journal``."""
    _start_by_name(journal)
    _end_in_journal(journal)
    distributed_map.install(_backend, _stop_with_reason(journal))
    _page_history()
    _spell_parameters()
    _reuse_clients()


def restore(execution: JournalledExecution, backend: Any) -> None:
    """Put an execution that ended in an earlier life of the stack back where DescribeExecution finds it."""
    from moto.stepfunctions.parser.api import ExecutionStatus

    machine = backend.describe_state_machine(execution.machine)
    restored = _without_worker(execution, machine)
    restored.exec_status = ExecutionStatus(execution.status)
    restored.stop_date = datetime.fromisoformat(execution.stopped_at) if execution.stopped_at else None
    restored.output = None if execution.output is None else json.loads(execution.output)
    restored.error, restored.cause = execution.error, execution.cause
    restored.restored_history = _with_times(json.loads(execution.history or "[]"))
    machine.executions.append(restored)


def _without_worker(execution: JournalledExecution, machine: Any) -> Any:
    from moto.stepfunctions.parser.backend.execution import Execution

    _, _, _, region, account, *_ = execution.arn.split(":")
    return Execution(
        name=execution.name,
        sm_type=machine.sm_type,
        role_arn=machine.roleArn,
        exec_arn=execution.arn,
        account_id=account,
        region_name=region,
        state_machine=machine,
        start_date=datetime.fromisoformat(execution.started_at),
        cloud_watch_logging_session=None,
        input_data=execution.input,
        activity_store={},
    )


def _backend(account: str, region: str) -> Any:
    from moto.stepfunctions.parser.models import stepfunctions_parser_backends

    return stepfunctions_parser_backends[account][region]


def _start_by_name(journal: Journal) -> None:
    """Gap: an execution without a name is called ``None``, so the second one collides."""
    from moto.stepfunctions.parser.models import StepFunctionsParserBackend

    def start_execution(
        self: Any,
        state_machine_arn: str,
        name: str | None = None,
        execution_input: str | None = None,
        trace_header: str | None = None,
    ) -> Any:
        execution = original(self, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header)
        journal.start_execution(_stored(execution))
        if _leaves_no_record(execution) and execution.status != "RUNNING":
            journal.remove_execution(execution.exec_arn)
        return execution

    original = replace(StepFunctionsParserBackend, "start_execution", start_execution)


def _end_in_journal(journal: Journal) -> None:
    """Write the end of an execution down; Express ones leave no record, as in AWS."""
    from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication

    def _reflect_execution_status(self: Any) -> None:
        execution = self.execution
        if execution.status == "ABORTED":
            return
        original(self)
        if _leaves_no_record(execution):
            journal.remove_execution(execution.exec_arn)
        else:
            journal.finish_execution(_stored(execution))

    original = replace(BaseExecutionWorkerCommunication, "_reflect_execution_status", _reflect_execution_status)


def _leaves_no_record(execution: Any) -> bool:
    # moto keeps the type beside a second field that always says STANDARD.
    return bool(execution.state_machine.type == "EXPRESS")


def _stop_with_reason(journal: Journal) -> Callable[..., None]:
    """Gap: StopExecution drops error and cause, and waits for the running task before the status changes.

    Returns what stops an execution.
    """
    from moto.core.responses import ActionResult
    from moto.stepfunctions.parser.api import ExecutionStatus
    from moto.stepfunctions.responses import StepFunctionResponse

    def stop_execution(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        if execution.status == "RUNNING":
            stop(execution, self._get_param("error"), self._get_param("cause"))
        return ActionResult({"stopDate": execution.stop_date})

    def stop(execution: Any, error: str | None = None, cause: str | None = None) -> None:
        execution.stop_date = datetime.now(UTC)
        execution.error, execution.cause = error, cause
        execution.exec_status = ExecutionStatus.ABORTED
        execution.stop(stop_date=execution.stop_date, error=error, cause=cause)
        journal.finish_execution(_stored(execution))

    replace(StepFunctionResponse, "stop_execution", stop_execution)
    return stop


def _page_history() -> None:
    """Gap: GetExecutionHistory ignores reverseOrder, maxResults and nextToken."""
    from moto.core.responses import ActionResult
    from moto.stepfunctions.responses import StepFunctionResponse

    def get_execution_history(self: Any) -> Any:
        execution = self.stepfunction_backend.describe_execution(self._get_param("executionArn"))
        events = _history(execution)
        if self._get_param("reverseOrder"):
            events.reverse()
        first = int(self._get_param("nextToken") or 0)
        size = int(self._get_param("maxResults") or _HISTORY_PAGE)
        page: dict[str, Any] = {"events": events[first : first + size]}
        if first + size < len(events):
            page["nextToken"] = str(first + size)
        return ActionResult(page)

    replace(StepFunctionResponse, "get_execution_history", get_execution_history)


def _spell_parameters() -> None:
    """Gap: a state writes ``StateMachineArn``, the API ``stateMachineArn``; moto passes the one on as the other."""
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
        StateTaskServiceAwsSdk,
    )
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_sfn import (
        StateTaskServiceSfn,
    )

    _spell_answers_of(StateTaskServiceSfn)
    _spell_parameters_of(StateTaskServiceSfn)
    _spell_parameters_of(StateTaskServiceAwsSdk)


def _spell_answers_of(kind: Any) -> None:
    """Gap: a state reads ``Status`` and ``Output`` of an execution that it waited for; moto writes ``status``."""
    from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEventException
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    def _build_sync2_resolver(self: Any, *arguments: Any, **named: Any) -> Callable[[], Any]:
        resolve = original(self, *arguments, **named)

        def resolver() -> Any:
            try:
                found = resolve()
            except FailureEventException as failure:
                details = cast(Any, failure.failure_event.event_details)["taskFailedEventDetails"]
                details["cause"] = to_json_str(_capitalised(json.loads(details["cause"])))
                raise
            return json.loads(to_json_str(_capitalised(found))) if isinstance(found, dict) else found

        return resolver

    original = replace(kind, "_build_sync2_resolver", _build_sync2_resolver)


def _spell_parameters_of(kind: Any) -> None:
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    def _eval_service_task(
        self: Any, env: Any, resource_runtime_part: Any, normalised_parameters: dict[str, Any], state_credentials: Any
    ) -> None:
        if self._get_boto_service_name() not in ("sfn", "states", "stepfunctions"):
            original(self, env, resource_runtime_part, normalised_parameters, state_credentials)
            return
        spelled = {name[0].lower() + name[1:]: value for name, value in normalised_parameters.items()}
        original(self, env, resource_runtime_part, spelled, state_credentials)
        # Times as text: DescribeExecution fails where the output holds a datetime.
        env.stack.append(json.loads(to_json_str(_capitalised(env.stack.pop()))))

    original = replace(kind, "_eval_service_task", _eval_service_task)


def _capitalised(response: dict[str, Any]) -> dict[str, Any]:
    return {name[0].upper() + name[1:]: value for name, value in response.items()}


def _reuse_clients() -> None:
    """Gap: a boto3 client is built for every task (15 to 40 ms each); one per service and region serves them all.

    It asks the stack within the process (`speed`).
    """
    from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
    from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
        state_task_service_aws_sdk,
        state_task_service_dynamodb,
        state_task_service_sfn,
        state_task_service_sqs,
    )

    services = (state_task_service_aws_sdk, state_task_service_dynamodb, state_task_service_sfn, state_task_service_sqs)
    for module in (lambda_eval_utils, *services):
        replace(module, "boto_client_for", _client_cache(vars(module)["boto_client_for"]))


def _client_cache(build: Callable[..., Any]) -> Callable[..., Any]:
    clients: dict[tuple[str, str], Any] = {}
    lock = threading.Lock()

    def boto_client_for(region: str, service: str, state_credentials: Any = None) -> Any:
        with lock:
            if (region, service) not in clients:
                client = build(region=region, service=service, state_credentials=state_credentials)
                clients[region, service] = speed.answer_in_process(client, _ask_stack)
            return clients[region, service]

    return boto_client_for


_stack: list[speed.Application] = []


def ask(application: speed.Application) -> None:
    """Name the application that the tasks of state machines ask for every service."""
    _stack[:] = [application]


def _ask_stack(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    return _stack[0](environ, start_response)


def _stored(execution: Any) -> JournalledExecution:
    from moto.stepfunctions.parser.asl.utils.encoding import to_json_str

    finished = execution.status != "RUNNING"
    return JournalledExecution(
        arn=execution.exec_arn,
        machine=execution.state_machine_arn,
        name=execution.name,
        status=execution.status,
        input=execution.execution_input,
        started_at=execution.start_date.isoformat(),
        stopped_at=execution.stop_date.isoformat() if execution.stop_date else None,
        output=to_json_str(execution.output) if execution.status == "SUCCEEDED" else None,
        error=execution.error,
        cause=execution.cause,
        history=to_json_str(_history(execution)) if finished else None,
    )


def _history(execution: Any) -> list[dict[str, Any]]:
    if hasattr(execution, "restored_history"):
        return list(execution.restored_history)
    return list(execution.to_history_output()["events"])


def _with_times(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{**event, "timestamp": datetime.fromisoformat(event["timestamp"])} for event in events]
