"""Reading the deployment from a template."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from local.resources import default_template, read_resources
from local.template import LeftOutError, Template, TemplateError

_HEADER = {"AWSTemplateFormatVersion": "2010-09-09", "Transform": "AWS::Serverless-2016-10-31"}


def template(folder: Path, resources: dict[str, Any], **rest: object) -> Template:
    """Write a template (JSON is YAML) and read it."""
    path = folder / "template.yaml"
    path.write_text(json.dumps({**_HEADER, "Resources": resources, **rest}))
    return Template(
        path,
        stack_name="reefs",
        region="eu-west-3",
        account="1",
        endpoint="http://127.0.0.1:1",
        parameters={"P": "given"},
    )


BUCKETS = {
    "RawBucket": {"Type": "AWS::S3::Bucket"},
    "Net": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "RawBucket"}, "reefs-rawbucket"),
        ({"Fn::GetAtt": ["RawBucket", "Arn"]}, "arn:aws:s3:::reefs-rawbucket"),
        ({"Fn::GetAtt": "RawBucket.Arn"}, "arn:aws:s3:::reefs-rawbucket"),
        (
            {"Fn::Sub": "${AWS::Region}/${RawBucket}/${RawBucket.Arn}/${!kept}"},
            "eu-west-3/reefs-rawbucket/arn:aws:s3:::reefs-rawbucket/${kept}",
        ),
        ({"Fn::Sub": ["${a}-${P}", {"a": {"Ref": "Q"}}]}, "7-given"),
        ({"Fn::Join": ["-", ["a", {"Ref": "P"}]]}, "a-given"),
        ({"Fn::Select": [1, {"Fn::Split": ["/", "x/y"]}]}, "y"),
        ({"Fn::If": ["IsSeven", "yes", "no"]}, "yes"),
        ({"Fn::If": ["IsNotSeven", "yes", "no"]}, "no"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
    ],
)
def test_intrinsic_functions(tmp_path: Path, value: object, expected: object) -> None:
    read = template(
        tmp_path,
        BUCKETS,
        Parameters={"P": {"Type": "String"}, "Q": {"Type": "Number", "Default": 7}},
        Conditions={
            "IsSeven": {"Fn::Equals": [{"Ref": "Q"}, "7"]},
            "IsNotSeven": {"Fn::Not": [{"Condition": "IsSeven"}]},
        },
    )
    assert read.resolve(value) == expected


def test_value_of_a_resource_that_is_left_out_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(LeftOutError, match=r"Net is AWS::EC2::VPC: there is no network"):
        template(tmp_path, BUCKETS).resolve({"Ref": "Net"})


def test_unknown_resource_type_stops_the_start(tmp_path: Path) -> None:
    with pytest.raises(TemplateError, match="AWS::Glacier::Vault"):
        template(tmp_path, {"X": {"Type": "AWS::Glacier::Vault"}})


def test_unknown_function_and_dangling_reference_are_named(tmp_path: Path) -> None:
    read = template(tmp_path, BUCKETS)
    with pytest.raises(TemplateError, match="Fn::Cidr"):
        read.resolve({"Fn::Cidr": ["10.0.0.0/8", 1, 8]})
    with pytest.raises(TemplateError, match="Nobody"):
        read.resolve({"Ref": "Nobody"})


OVERRIDES = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "DATABASE_URL": "sqlite:////x", "DATABASE_AUTH": "url"}


def test_deployed_functions_differ_from_the_template_in_endpoint_database_and_credentials_only() -> None:
    path = default_template()
    one = read_resources(path, endpoint="http://127.0.0.1:1", overrides=OVERRIDES)
    other = read_resources(path, endpoint="http://127.0.0.1:1", overrides={**OVERRIDES, "DATABASE_URL": "sqlite:////y"})
    assert {function.name.rsplit("-", 1)[-1] for function in one.functions} == {
        "restoration", "reframing", "segmentation", "coverage", "conversion", "removal", "relabel", "importing",
        "points", "adapt",
    }  # fmt: skip
    for first, second in zip(one.functions, other.functions, strict=True):
        changed = {n for n in first.environment if first.environment[n] != second.environment[n]}
        assert changed <= {"DATABASE_URL"}
        of_database = first.name.rsplit("-", 1)[-1] in {
            "coverage",
            "adapt",
            "removal",
            "relabel",
            "importing",
            "points",
        }
        assert ("DATABASE_URL" in first.environment) == of_database
        assert first.environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:1"
        assert first.timeout_s > 0 and first.memory_mb >= 128
        assert (first.code / first.handler.split(".")[0]).is_dir()


def test_buckets_rules_and_machines_come_from_the_template() -> None:
    resources = read_resources(default_template(), endpoint="http://127.0.0.1:1", overrides=OVERRIDES)
    assert len(resources.buckets) == 7
    raw = next(bucket for bucket in resources.buckets if bucket.logical_id == "RawBucket")
    assert raw.versioned and raw.sends_events
    machines = {machine.logical_id for machine in resources.state_machines}
    assert machines == {"Pipeline", "Admit", "GivePlaces", "Convert", "Removal", "Relabel", "Backfill", "Adapt"}
    assert all("${" not in machine.definition for machine in resources.state_machines)
    targets = {target["Arn"].rsplit("-", 1)[-1] for rule in resources.rules for target in rule.targets}
    assert targets == {"admit", "convert", "places", "removal"}
    assert resources.page_environment["RAW_BUCKET"] == raw.name
    assert all(resources.left_out.values())
