"""Whom the local gateway answers: nobody before it is complete, no foreign web page, no truncated upload."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import (
    state_task_service_aws_sdk,
    state_task_service_dynamodb,
)
from werkzeug.serving import make_server

from local.gateway import Gateway, RequestHandler
from local.journal import Journal
from local.moto_gaps import speed
from local.persistence import ObjectMirror

ACCOUNT, REGION, OWN_KEY = "123456789012", "eu-west-3", "localaffe"
SIGNED = f"AWS4-HMAC-SHA256 Credential=x/20260101/{REGION}/s3/aws4_request, SignedHeaders=host, Signature=x"
PAGE = "http://127.0.0.1:8501"


class _Handler(RequestHandler):
    def log(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[tuple[Gateway, int]]:
    journal = Journal(tmp_path)
    moto = DomainDispatcherApplication(create_backend_app)
    gateway = Gateway(moto, ObjectMirror(journal, ACCOUNT), journal, ACCOUNT, REGION, OWN_KEY)
    server = make_server("127.0.0.1", 0, gateway, threaded=True, request_handler=_Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield gateway, server.server_port
    gateway.stop()
    server.shutdown()
    journal.close()


def s3(port: int, key: str = "somebody") -> Any:
    return boto3.client(
        "s3", endpoint_url=f"http://127.0.0.1:{port}", region_name=REGION, aws_access_key_id=key,
        aws_secret_access_key="x", config=Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
    )  # fmt: skip


def bucket(port: int) -> str:
    s3(port, OWN_KEY).create_bucket(
        Bucket=f"b{port}", CreateBucketConfiguration={"LocationConstraint": REGION}
    )  # moto's buckets outlive a server in one process
    return f"b{port}"


def answer(port: int, request: bytes, *, close: bool = False) -> bytes:
    """Send the bytes and return everything that comes back until the connection ends."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(request)
        if close:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        while part := connection.recv(65536):
            received += part
        return received


def head(method: str, path: str, **headers: str) -> bytes:
    fields = {"Host": "127.0.0.1", "Connection": "close"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def test_nobody_is_answered_before_it_is_open_or_after_it_has_stopped_but_the_stack_itself(
    gateway: tuple[Gateway, int],
) -> None:
    served, port = gateway
    name = bucket(port)
    requests: list[Callable[[], Any]] = [
        lambda: s3(port).put_object(Bucket=name, Key="2006-Hao-01.jpg", Body=b"photo"),
        lambda: s3(port).list_objects_v2(Bucket=name),
    ]
    for request in requests:
        with pytest.raises(ClientError) as refused:
            request()
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    assert s3(port, OWN_KEY).list_objects_v2(Bucket=name)["KeyCount"] == 0
    served.open()
    for request in requests:
        request()
    assert s3(port).list_objects_v2(Bucket=name)["KeyCount"] == 1
    served.stop()
    with pytest.raises(ClientError):
        requests[0]()


def test_state_machines_are_answered_before_it_is_open_although_they_sign_with_a_key_of_motos(
    gateway: tuple[Gateway, int],
) -> None:
    served, _ = gateway
    for module in (state_task_service_dynamodb, state_task_service_aws_sdk):
        built = module.boto_client_for(region=REGION, service="dynamodb")
        assert speed.answer_in_process(built, served).list_tables()["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9999"])
def test_foreign_web_pages_change_nothing(gateway: tuple[Gateway, int], origin: str) -> None:
    served, port = gateway
    name = bucket(port)
    served.open()
    served.trust(PAGE)
    body = b"photo"
    for allowed, expected in ((origin, b" 403 "), (PAGE, b" 200 "), (PAGE.replace("127.0.0.1", "localhost"), b" 200 ")):
        request = (
            head("PUT", f"/{name}/2006-Hao-01.jpg", Origin=allowed, Authorization=SIGNED, Content_Length="5") + body
        )
        assert expected in answer(port, request).split(b"\r\n")[0]
    assert (
        b" 403 "
        in answer(port, head("DELETE", f"/{name}/2006-Hao-01.jpg", Origin=origin, Authorization=SIGNED)).split(b"\r\n")[
            0
        ]
    )
    assert s3(port).list_objects_v2(Bucket=name)["KeyCount"] == 1


@pytest.mark.parametrize("path", ["/moto-api/reset", "/moto-api/", "/moto-api/data.json", "/moto-api/config"])
def test_motos_administrative_addresses_are_closed(gateway: tuple[Gateway, int], path: str) -> None:
    served, port = gateway
    name = bucket(port)
    served.open()
    s3(port).put_object(Bucket=name, Key="kept", Body=b"x")
    for method in ("GET", "POST"):
        assert b" 404 " in answer(port, head(method, path, Content_Length="0")).split(b"\r\n")[0]
    assert (
        b" 404 "
        in answer(
            port, b"POST /reset HTTP/1.1\r\nHost: moto_api\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        ).split(b"\r\n")[0]
    )
    assert s3(port).list_objects_v2(Bucket=name)["KeyCount"] == 1


@pytest.mark.parametrize("close", [False, True], ids=["stalls", "ends"])
def test_a_body_shorter_than_its_length_ends_and_is_not_kept(
    gateway: tuple[Gateway, int], close: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    served, port = gateway
    name = bucket(port)
    served.open()
    with monkeypatch.context() as short:
        short.setattr(_Handler, "timeout", 0.3)  # so that a test need not wait a minute
        request = (
            head("PUT", f"/{name}/2006-Hao-01.jpg", Authorization=SIGNED, Content_Length="1000") + b"the beginning"
        )
        assert b" 200 " not in answer(port, request, close=close).split(b"\r\n")[0]
    assert s3(port).list_objects_v2(Bucket=name)["KeyCount"] == 0
