"""The database as clients name it, against what the template makes and what provisioning creates in it."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from scripts.deployment import Deployment, Json
from scripts.relations import code
from scripts.relations.paper import Stack

_LTS = ("3.04.", "3.10.")  # Aurora MySQL's long-term support releases (Aurora User Guide, release calendar)
_READERS = frozenset({"adapt"})  # functions that write nothing into the database
_PAUSES = "3.8.0"  # the first minor version that pauses (Aurora User Guide, Serverless v2)


def clients(d: Deployment, stack: Stack) -> Iterator[tuple[str, str, Json]]:
    """Yield each client of the database: its name, the user that provisioning makes for its kind, its environment."""
    writer, reader = (code.constant(d, "functions/provision/schema.py", name) for name in ("WRITER", "READER"))
    for name, resource in stack.of("AWS::Lambda::Function").items():
        if code.uses_database(d, resource.properties):
            user = reader if code.step(resource.properties) in _READERS else writer
            yield name, user, resource.properties.get("Environment", {}).get("Variables", {})
    for task in stack.of("AWS::ECS::TaskDefinition").values():
        container = task.properties["ContainerDefinitions"][0]
        yield "the page", reader, {e["Name"]: e["Value"] for e in container["Environment"]}


def addresses_lead_to_the_database(d: Deployment, stack: Stack) -> Iterator[str]:
    """Driver, user, host, port and schema of each URL are those that exist."""
    for name, user, environment in clients(d, stack):
        url = urlsplit(str(environment.get("DATABASE_URL", "")))
        for cluster_name, cluster in stack.of("AWS::RDS::DBCluster").items():
            expected = {
                "driver": (url.scheme, "mysql+pymysql"),
                "user": (url.username, user),
                "password": (url.password, None),
                "host": (url.hostname, stack.values.identity(cluster_name, "Endpoint.Address").lower()),
                "port": (url.port, cluster.properties.get("Port", 3306)),
                "schema": (url.path.strip("/"), cluster.properties.get("DatabaseName")),
            }
            for part, (given, wanted) in expected.items():
                if given != wanted:
                    yield f"{name}: DATABASE_URL has the {part} '{given}', not '{wanted}'"
        if environment.get("DATABASE_AUTH") != "iam":
            yield f"{name}: signs in as '{environment.get('DATABASE_AUTH')}'; its user has no password"


def schema_is_provisioned(d: Deployment, stack: Stack) -> Iterator[str]:
    """Tables and users are made in the same database, by its administrator, after it exists and before its clients."""
    (cluster,) = stack.of("AWS::RDS::DBCluster").values()
    for name, resource in stack.of("Custom::CoverageSchema").items():
        expected = {
            "ClusterArn": stack.values.identity(cluster.name, "DBClusterArn"),
            "SecretArn": stack.values.identity(cluster.name, "MasterUserSecret.SecretArn"),
            "Database": cluster.properties.get("DatabaseName"),
            "ServiceToken": stack.values.identity("ProvisionFunction", "Arn"),
        }
        for field, wanted in expected.items():
            if resource.properties.get(field) != wanted:
                yield f"{name}: {field} is {resource.properties.get(field)}, not {wanted}"
        if resource.properties.get("CheckedFor") != stack.plain({"Ref": "PipelineVersion"}):
            yield f"{name}: a deployment of another commit does not look at the tables"
        asks = code.constant(d, "functions/provision/app.py", "ORIGIN_FACING")
        if not asks.endswith("cloudfront.origin-facing"):
            yield f"{name}: provisioning looks up {asks or 'no prefix list'}"
    if not cluster.properties.get("ManageMasterUserPassword") or "MasterUserPassword" in cluster.properties:
        yield f"{cluster.name}: RDS keeps the administrator's password, nobody else"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def engine_fits(d: Deployment, stack: Stack) -> Iterator[str]:
    """Cluster, instances and parameters are of one engine; a long-term version is not left by itself."""
    (cluster,) = stack.of("AWS::RDS::DBCluster").values()
    version = str(cluster.properties.get("EngineVersion", "")).rpartition("mysql_aurora.")[2]
    major = str(cluster.properties.get("EngineVersion", ""))[:3]
    for name, group in stack.of("AWS::RDS::DBClusterParameterGroup").items():
        if group.properties.get("Family") != f"{cluster.properties['Engine']}{major}":
            yield f"{name}: {group.properties.get('Family')} is not of {cluster.properties['EngineVersion']}"
        if cluster.properties.get("DBClusterParameterGroupName") != stack.plain({"Ref": name}):
            yield f"{cluster.name}: does not use {name}, so connections without TLS get in"
        if group.properties.get("Parameters", {}).get("time_zone", "UTC") != "UTC":
            yield f"{name}: times in the database are UTC"
    for name in stack.of("AWS::RDS::DBSubnetGroup"):
        if cluster.properties.get("DBSubnetGroupName") != stack.plain({"Ref": name}):
            yield f"{cluster.name}: is not in {name}"
    for export in cluster.properties.get("EnableCloudwatchLogsExports", []):
        logs = f"/aws/rds/cluster/{cluster.properties.get('DBClusterIdentifier')}/{export}"
        if logs not in [stack.plain({"Ref": name}) for name in stack.of("AWS::Logs::LogGroup")]:
            yield f"{cluster.name}: logs into {logs}, which it would make itself and keep for ever"
    instances = stack.of("AWS::RDS::DBInstance")
    if not instances:
        yield f"{cluster.name}: has no instance"
    for name, instance in instances.items():
        if instance.properties.get("Engine") != cluster.properties["Engine"]:
            yield f"{name}: is of another engine than its cluster"
        if instance.properties.get("DBClusterIdentifier") != stack.plain({"Ref": cluster.name}):
            yield f"{name}: is in no cluster of the stack"
        if instance.properties.get("DBInstanceClass") != "db.serverless":
            yield f"{name}: {instance.properties.get('DBInstanceClass')} costs money while idle"
        if version.startswith(_LTS) and instance.properties.get("AutoMinorVersionUpgrade") is not False:
            yield f"{name}: minor versions that come by themselves leave the long-term version {version}"
    scaling = cluster.properties.get("ServerlessV2ScalingConfiguration", {})
    smallest, largest = float(scaling.get("MinCapacity", 0.5)), float(scaling.get("MaxCapacity", 0))
    if largest < max(smallest, 1):
        yield f"{cluster.name}: the largest capacity {largest:g} is below the smallest"
    pauses_after_s = int(scaling.get("SecondsUntilAutoPause", 300 if smallest == 0 else 0))
    if smallest == 0 and not 300 <= pauses_after_s <= 3600:
        yield f"{cluster.name}: pauses after {pauses_after_s} s; between 5 minutes and an hour pays"
    if smallest == 0 and _numbers(version) < _numbers(_PAUSES):
        yield f"{cluster.name}: {version} cannot pause; {_PAUSES} is the first that can"
    if smallest == 0 and "SecondsUntilAutoPause" not in scaling:
        yield f"{cluster.name}: does not say after how long it pauses"
    if smallest > 0 and "SecondsUntilAutoPause" in scaling:
        yield f"{cluster.name}: pauses only from a smallest capacity of 0"
    if "error" not in cluster.properties.get("EnableCloudwatchLogsExports", []):
        yield f"{cluster.name}: does not log its errors"
