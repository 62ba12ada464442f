"""What holds people's data, against both deletion policies, every expiry rule and the floors of retention."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from scripts.deployment import Deployment, Json, of_type
from scripts.relations.paper import Stack

# A holder of data, with what may become of it when the stack goes and when it is replaced.
_KEEPS = ({"Retain", "RetainExceptOnCreate"}, {"Retain"})
_SNAPSHOT = ({"Snapshot"}, {"Snapshot"})
HOLDERS: dict[str, tuple[set[str], set[str]]] = {
    "AWS::S3::Bucket": _KEEPS,
    "AWS::Cognito::UserPool": _KEEPS,
    "AWS::RDS::DBCluster": _SNAPSHOT,
    "AWS::DynamoDB::Table": _KEEPS,
    "AWS::EFS::FileSystem": _KEEPS,
    "AWS::EC2::Volume": _SNAPSHOT,
}

# The least time for which an overwritten or deleted version is kept (docs/how-to/recover.md, Backup and restore). A
# photograph or a model cannot be made again; derived objects can.
_VERSIONS_DAYS = {"RawBucket": 365, "ModelReframingBucket": 365, "ModelSegmentationBucket": 365}
_DERIVED_DAYS = 30
_UPLOADS_DAYS = (1, 7)  # an interrupted upload costs, and a slow one takes longer than a day
_LARGEST_QUEUE_S = 1_209_600  # what SQS can keep: an operator may be on a boat for two weeks
_IMAGES_KEPT = 10
_HOLDS_NOTHING_LASTING = {"PlacesTable"}  # of runs under way; a run that waits writes its row again
_LOG_DAYS = 7
_BACKUP_DAYS = 1


def data_outlives_the_stack(d: Deployment, stack: Stack) -> Iterator[str]:
    """Deleting the stack, and replacing the resource, both leave the data."""
    for name, resource in stack.resources.items():
        if resource.kind not in HOLDERS or name in _HOLDS_NOTHING_LASTING:
            continue
        for field, allowed in zip(("DeletionPolicy", "UpdateReplacePolicy"), HOLDERS[resource.kind], strict=True):
            given = resource.attributes.get(field, "Delete")
            if given not in allowed:
                yield f"{name}: {field} {given} would lose what it holds"
        if "Condition" in resource.attributes:
            yield f"{name}: is made under the condition {resource.attributes['Condition']}; a parameter would end it"


# What CloudFormation cannot change in what holds data: another value makes another, empty one in its place, or ends the
# deployment. Whoever has to change one moves the data first (docs/how-to/recover.md).
_FIXED: dict[str, dict[str, Any]] = {
    "DatabaseCluster": {
        "Engine": "aurora-mysql",
        "MasterUsername": "reef_admin",
        "DBClusterIdentifier": {"Ref": "AWS::StackName"},
        "DatabaseName": {"Ref": "DatabaseName"},
        "DBSubnetGroupName": {"Ref": "DatabaseSubnets"},
        "StorageEncrypted": True,
        "KmsKeyId": None,
        "EngineMode": None,
    },
    "Users": {"UsernameAttributes": ["email"], "AliasAttributes": None, "Schema": None, "UsernameConfiguration": None},
}


def identity_is_fixed(d: Deployment, stack: Stack) -> Iterator[str]:
    """What holds data stays the same thing: its type, and the properties that cannot change under it."""
    for name, fixed in _FIXED.items():
        given = d.expanded["Resources"].get(name, {}).get("Properties")
        if given is None:
            yield f"{name}: is gone, under this name, and what it holds with it"
            continue
        for field, wanted in fixed.items():
            if given.get(field) != wanted:
                yield f"{name}: {field} {given.get(field)} (it was {wanted}) makes another, empty one"
    for name, bucket in stack.of("AWS::S3::Bucket").items():
        if "BucketName" in bucket.properties:
            yield f"{name}: a name of its own makes another, empty bucket"


def versions_outlive_a_mistake(d: Deployment, stack: Stack) -> Iterator[str]:
    """No rule lets current objects expire or moves them; old versions stay long enough to notice a mistake."""
    for name, bucket in stack.of("AWS::S3::Bucket").items():
        least = _VERSIONS_DAYS.get(name, _DERIVED_DAYS)
        rules = [r for r in bucket.properties.get("LifecycleConfiguration", {}).get("Rules", []) if _is_on(r)]
        for rule in rules:
            yield from _lifecycle_faults(name, rule, least)
        ends = [rule for rule in rules if "NoncurrentVersionExpiration" in rule and not _is_partial(rule)]
        if len(ends) != 1:
            yield f"{name}: {len(ends)} rules end old versions"
        if not any(rule.get("ExpiredObjectDeleteMarker") is True for rule in rules):
            yield f"{name}: delete markers of nothing stay for ever, and slow every listing"
        if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
            yield f"{name}: interrupted uploads are paid for ever"
        if bucket.properties.get("ObjectLockEnabled"):
            yield f"{name}: object lock refuses what removal and relabelling delete"


def _is_on(rule: Json) -> bool:
    return rule.get("Status") == "Enabled"


def _is_partial(rule: Json) -> bool:
    return bool({"Prefix", "TagFilters", "ObjectSizeGreaterThan", "ObjectSizeLessThan", "Filter"} & rule.keys())


def _lifecycle_faults(name: str, rule: Json, least_days: int) -> Iterator[str]:
    for field in ("ExpirationInDays", "ExpirationDate"):
        if field in rule:
            yield f"{name}: {field} deletes objects that are in use"
    for field in ("Transition", "Transitions", "NoncurrentVersionTransition", "NoncurrentVersionTransitions"):
        if "GLACIER" in json.dumps(rule.get(field, "")) or "DEEP_ARCHIVE" in json.dumps(rule.get(field, "")):
            yield f"{name}: {field} moves objects where a step or the page cannot read them"
    old = rule.get("NoncurrentVersionExpiration", {})
    if old and int(old.get("NoncurrentDays", 0)) < least_days:
        yield f"{name}: old versions end after {old.get('NoncurrentDays')} days, before {least_days}"
    if "NewerNoncurrentVersions" in old:
        yield f"{name}: counts old versions; a mistake in a loop would push the good one out"
    aborted = rule.get("AbortIncompleteMultipartUpload")
    if aborted and not _UPLOADS_DAYS[0] < int(aborted.get("DaysAfterInitiation", 0)) <= _UPLOADS_DAYS[1]:
        yield f"{name}: interrupted uploads end after {aborted.get('DaysAfterInitiation')} days"


def retention_has_floors(d: Deployment, stack: Stack) -> Iterator[str]:
    """Queues of undelivered events, backups and logs last until somebody comes back."""
    for name, queue in stack.of("AWS::SQS::Queue").items():
        if (
            queue_is_last(stack, name)
            and int(queue.properties.get("MessageRetentionPeriod", 345_600)) < _LARGEST_QUEUE_S
        ):
            yield f"{name}: forgets what could not be delivered before {_LARGEST_QUEUE_S} s"
    for name, cluster in stack.of("AWS::RDS::DBCluster").items():
        if int(cluster.properties.get("BackupRetentionPeriod", 1)) < _BACKUP_DAYS:
            yield f"{name}: keeps no backups"
        source = d.expanded["Resources"][name]["Properties"]
        for field in ("BackupRetentionPeriod", "DeletionProtection"):
            if not isinstance(source.get(field), dict):
                yield f"{name}: {field} is no choice of the environment (dev may be torn down, prod may not)"
    parameters = d.template["Parameters"]
    if parameters["DatabaseDeletionProtection"].get("Default") != "true":
        yield "DatabaseDeletionProtection: whoever says nothing has no protection"
    if int(parameters["DatabaseBackupDays"].get("MinValue", 0)) < _BACKUP_DAYS:
        yield "DatabaseBackupDays: may be 0, which ends all backups"
    if int(parameters["DatabaseBackupDays"].get("Default", 0)) < 7:
        yield "DatabaseBackupDays: whoever says nothing keeps less than a week"
    for name, group in stack.of("AWS::Logs::LogGroup").items():
        if int(group.properties.get("RetentionInDays", _LOG_DAYS)) < _LOG_DAYS:
            yield f"{name}: forgets within a week"


def queue_is_last(stack: Stack, name: str) -> bool:
    """Tell whether a queue keeps what failed elsewhere, and nobody takes its messages."""
    arn = stack.values.identity(name, "Arn")
    texts = [json.dumps(r.properties) for r in stack.resources.values() if r.kind != "AWS::IAM::Role"]
    return any(
        marker in text and arn in text.partition(marker)[2]
        for text in texts
        for marker in ("deadLetterTargetArn", "DeadLetterConfig")
    )


def images_can_be_taken_back(d: Deployment, stack: Stack) -> Iterator[str]:
    """Repositories keep enough images to return to an earlier one, whatever their tags."""
    for name, repository in of_type(d.registry, "AWS::ECR::Repository").items():
        policy = json.loads(repository.get("LifecyclePolicy", {}).get("LifecyclePolicyText", '{"rules": []}'))
        for rule in policy["rules"]:
            selection = rule["selection"]
            if selection["countType"] != "imageCountMoreThan" or int(selection["countNumber"]) < _IMAGES_KEPT:
                yield f"{name}: keeps {selection['countNumber']} ({selection['countType']}), not {_IMAGES_KEPT} images"
            if selection["tagStatus"] != "any" or "tagPrefixList" in selection:
                yield f"{name}: images are tagged by commit, so a rule about {selection['tagStatus']} ones ends none"
        if repository.get("EmptyOnDelete") is not True:
            yield f"{name}: make destroy stops at a repository that holds images"
        if d.registry["Resources"][name].get("UpdateReplacePolicy") != "Retain":
            yield f"{name}: a replacement would delete the images that functions run"
