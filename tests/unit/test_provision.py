"""The custom resource: what it runs, that it waits for a waking database, and that it always answers."""

import json
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from provision import app, aws_retries, schema


def refused(code: str, message: str = "") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "ExecuteStatement")


class DataApi:
    """An empty database that takes statements; the first answers are the given errors."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.ran: list[str] = []

    def execute_statement(self, *, sql: str, **_: Any) -> dict[str, Any]:
        if self.errors:
            raise self.errors.pop(0)
        self.ran.append(sql)
        return {"formattedRecords": "[]"} if sql.startswith("SELECT") else {"numberOfRecordsUpdated": 0}

    @property
    def changes(self) -> list[str]:
        return [sql for sql in self.ran if not sql.startswith("SELECT")]


BOTO3_CLIENT = "provision.app.boto3.client"


class Answers:
    """CloudFormation's address."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.received: list[dict[str, Any]] = []
        monkeypatch.setattr(app, "_respond", lambda _url, answer: self.received.append(json.loads(json.dumps(answer))))


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setattr(aws_retries, "WAIT_S", 0.0)
    return Answers(monkeypatch)


def request(kind: str, request_type: str = "Create", **properties: str) -> dict[str, Any]:
    return {
        "RequestType": request_type,
        "ResourceType": f"Custom::{kind}",
        "LogicalResourceId": "Thing",
        "StackId": "stack",
        "RequestId": "request",
        "ResponseURL": "https://cloudformation.invalid/answer",
        "ResourceProperties": properties,
    }


CONTEXT = SimpleNamespace(get_remaining_time_in_millis=lambda: 600_000)
SCHEMA = {"ClusterArn": "cluster", "SecretArn": "secret", "Database": "reefs"}


def test_tables_come_before_users_and_users_before_grants() -> None:
    sql = schema.statements("reefs")
    kinds = [statement.split()[0] for statement in sql]
    assert kinds.index("CREATE") == 0
    assert sql[0].startswith("CREATE TABLE IF NOT EXISTS")
    assert kinds.index("GRANT") > max(i for i, s in enumerate(sql) if s.startswith("CREATE TABLE"))


def test_users_sign_in_by_iam_over_tls_with_least_grants() -> None:
    sql = schema.statements("reefs")
    for user in (schema.WRITER, schema.READER):
        assert f"CREATE USER IF NOT EXISTS '{user}'@'%' IDENTIFIED WITH AWSAuthenticationPlugin AS 'RDS'" in sql
        assert f"ALTER USER '{user}'@'%' REQUIRE SSL" in sql
    reader = [s for s in sql if s.startswith("GRANT") and schema.READER in s]
    assert reader
    assert all(s.startswith("GRANT SELECT ON `reefs`.`") for s in reader)
    assert not any("ALL PRIVILEGES" in s or "DROP" in s for s in sql)


def test_a_hostile_database_name_is_refused() -> None:
    with pytest.raises(ValueError, match="no database name"):
        schema.statements("reefs`; DROP")


def test_a_waking_database_is_waited_for(answers: Answers) -> None:
    api = DataApi(refused("DatabaseResumingException"), refused("BadRequestException", "Communications link failure"))
    assert schema.apply(api, "c", "s", "reefs", deadline=lambda: False) == len(api.ran)
    assert api.changes == schema.statements("reefs")


def test_waiting_ends_before_the_function_does(answers: Answers) -> None:
    with pytest.raises(ClientError):
        schema.apply(DataApi(refused("DatabaseResumingException")), "c", "s", "reefs", deadline=lambda: True)


def test_a_new_roles_denial_and_a_call_cut_off_are_tried_again(answers: Answers) -> None:
    cut_off = ReadTimeoutError(endpoint_url="https://rds-data.invalid")
    api = DataApi(refused("AccessDeniedException"), cut_off, refused("ThrottlingException"))
    assert schema.apply(api, "c", "s", "reefs", deadline=lambda: False) == len(api.ran)


def test_a_denial_that_stays_is_reported(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aws_retries, "_PERMISSIONS_SPREAD_S", 0.0)
    with pytest.raises(ClientError, match="AccessDenied"):
        schema.apply(DataApi(refused("AccessDeniedException")), "c", "s", "reefs", deadline=lambda: False)


def test_the_last_call_and_the_answer_fit_into_the_reserve() -> None:
    retries = aws_retries.ONE_TRY.retries  # type: ignore[attr-defined]
    assert retries["total_max_attempts"] == 1  # what the client tried again unseen would not be counted
    longest_s = aws_retries.WAIT_S + aws_retries.CONNECT_TIMEOUT_S + aws_retries.READ_TIMEOUT_S + app._ANSWER_TIMEOUT_S
    assert longest_s < app._RESERVE_MS / 1000 - 10


def test_a_wrong_statement_is_not_tried_again(answers: Answers) -> None:
    api = DataApi(refused("DatabaseErrorException", "syntax"))
    with pytest.raises(ClientError):
        schema.apply(api, "c", "s", "reefs", deadline=lambda: False)
    assert api.ran == []


def test_success_is_reported_with_a_stable_id(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BOTO3_CLIENT, lambda _name, **_: DataApi())
    app.handler(request("CoverageSchema", **SCHEMA), CONTEXT)
    app.handler(request("CoverageSchema", "Update", **SCHEMA) | {"PhysicalResourceId": "CoverageSchema-Thing"}, CONTEXT)
    first, second = answers.received
    assert first["Status"] == second["Status"] == "SUCCESS"
    assert first["PhysicalResourceId"] == second["PhysicalResourceId"]
    assert first["Data"]["SchemaVersion"] == schema.version()


def test_failure_is_reported_with_its_reason(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BOTO3_CLIENT, lambda _name, **_: DataApi(refused("DatabaseErrorException", "no")))
    app.handler(request("CoverageSchema", **SCHEMA), CONTEXT)
    app.handler(request("Unknown"), CONTEXT)
    assert [answer["Status"] for answer in answers.received] == ["FAILED", "FAILED"]
    assert "DatabaseErrorException" in answers.received[0]["Reason"]


def test_deletion_touches_nothing(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BOTO3_CLIENT, lambda name, **_: pytest.fail(f"{name} was called"))
    app.handler(request("CoverageSchema", "Delete", **SCHEMA), CONTEXT)
    app.handler(request("CloudFrontPrefixList", "Delete"), CONTEXT)
    assert [answer["Status"] for answer in answers.received] == ["SUCCESS", "SUCCESS"]


def test_prefix_list_is_asked_for_again_while_the_role_is_new(
    answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    denials = [refused("UnauthorizedOperation")]

    def describe(**_: Any) -> dict[str, Any]:
        if denials:
            raise denials.pop()
        return {"PrefixLists": [{"PrefixListId": "pl-1"}]}

    monkeypatch.setattr(BOTO3_CLIENT, lambda _name, **_: SimpleNamespace(describe_managed_prefix_lists=describe))
    app.handler(request("CloudFrontPrefixList"), CONTEXT)
    assert answers.received[0]["Data"] == {"PrefixListId": "pl-1"}


@pytest.mark.parametrize(("lists", "status"), [([{"PrefixListId": "pl-1"}], "SUCCESS"), ([], "FAILED")])
def test_prefix_list(
    lists: list[dict[str, str]], status: str, answers: Answers, monkeypatch: pytest.MonkeyPatch
) -> None:
    ec2 = SimpleNamespace(describe_managed_prefix_lists=lambda **_: {"PrefixLists": lists})
    monkeypatch.setattr(BOTO3_CLIENT, lambda _name, **_: ec2)
    app.handler(request("CloudFrontPrefixList"), CONTEXT)
    assert answers.received[0]["Status"] == status
    assert answers.received[0].get("Data", {}).get("PrefixListId") == (lists[0]["PrefixListId"] if lists else None)
