"""Builds a deployment in moto through the ordinary AWS API."""

from __future__ import annotations

import json
import os
from typing import Any

from local.resources import ACCOUNT, LocalResources

_ROLE = f"arn:aws:iam::{ACCOUNT}:role/local"  # moto wants one; nothing checks it

LOCAL_KEY = "local"  # both halves of the credentials; nothing checks them


def isolate_environment() -> None:
    """Keep this process away from the user's real account and from proxies; call it before boto3 is used."""
    os.environ.pop("AWS_PROFILE", None)
    os.environ.pop("AWS_DEFAULT_PROFILE", None)
    os.environ.update(AWS_CONFIG_FILE=os.devnull, AWS_SHARED_CREDENTIALS_FILE=os.devnull)
    for name in ("NO_PROXY", "no_proxy"):
        os.environ[name] = ",".join(filter(None, [os.environ.get(name, ""), "127.0.0.1", "localhost"]))


def provision(resources: LocalResources, clients: Clients) -> None:
    """Create queues, buckets, parameters, state machines and rules; functions are the gateway's."""
    for queue in resources.queues:
        clients.sqs.create_queue(QueueName=queue)
    for bucket in resources.buckets:
        _create_bucket(bucket, resources.region, clients.s3)
    for name, value in resources.parameters.items():
        clients.ssm.put_parameter(Name=name, Value=value, Type="String", Overwrite=True)
    for table in resources.tables:
        clients.dynamodb.create_table(
            TableName=table.name,
            AttributeDefinitions=[*table.attributes],
            KeySchema=[*table.keys],
            BillingMode="PAY_PER_REQUEST",
        )
    for machine in resources.state_machines:
        clients.stepfunctions.create_state_machine(
            name=machine.name, definition=machine.definition, roleArn=_ROLE, type=machine.kind
        )
    for rule in resources.rules:
        state = "ENABLED" if rule.enabled else "DISABLED"
        clients.events.put_rule(Name=rule.name, EventPattern=json.dumps(rule.pattern), State=state)
        clients.events.put_targets(Rule=rule.name, Targets=[*rule.targets])


class Clients:
    """boto3 clients of one local stack."""

    def __init__(self, endpoint: str, region: str, key: str = LOCAL_KEY) -> None:
        import boto3
        from botocore.config import Config

        session = boto3.session.Session(aws_access_key_id=key, aws_secret_access_key=key, region_name=region)
        config = Config(retries={"total_max_attempts": 3}, max_pool_connections=32, read_timeout=900)

        def client(service: Any) -> Any:
            return session.client(service, endpoint_url=endpoint, config=config)

        self.s3 = client("s3")
        self.sqs = client("sqs")
        self.ssm = client("ssm")
        self.dynamodb = client("dynamodb")
        self.events = client("events")
        self.stepfunctions = client("stepfunctions")
        self.functions = client("lambda")


def _create_bucket(bucket: Any, region: str, s3: Any) -> None:
    location = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=bucket.name, **location)
    if bucket.versioned:
        s3.put_bucket_versioning(Bucket=bucket.name, VersioningConfiguration={"Status": "Enabled"})
    if bucket.cors:
        s3.put_bucket_cors(Bucket=bucket.name, CORSConfiguration={"CORSRules": [*bucket.cors]})
    if bucket.sends_events:
        s3.put_bucket_notification_configuration(
            Bucket=bucket.name, NotificationConfiguration={"EventBridgeConfiguration": {}}
        )
