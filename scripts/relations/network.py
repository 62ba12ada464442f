"""Who has to reach whom: subnets, routes, endpoints and security groups on both sides."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from ipaddress import IPv4Network
from itertools import combinations

from scripts.deployment import Deployment, Json, listed
from scripts.relations import code
from scripts.relations.paper import REGION, Stack

_ANYWHERE = "0.0.0.0/0"
MYSQL, HTTPS, HTTP = 3306, 443, 80


def subnets_are_sound(d: Deployment, stack: Stack) -> Iterator[str]:
    """Inside the VPC, apart from each other, and in two zones wherever something asks for two."""
    (vpc,) = stack.of("AWS::EC2::VPC").values()
    whole = IPv4Network(vpc.properties["CidrBlock"])
    ranges = {name: IPv4Network(s.properties["CidrBlock"]) for name, s in stack.of("AWS::EC2::Subnet").items()}
    for name, block in ranges.items():
        if not block.subnet_of(whole):
            yield f"{name}: {block} is outside the VPC"
    for (one, first), (other, second) in combinations(ranges.items(), 2):
        if first.overlaps(second):
            yield f"{one} and {other} overlap"
    for need in ("EnableDnsHostnames", "EnableDnsSupport"):
        if vpc.properties.get(need) is not True:
            yield f"{vpc.name}: without {need} the database's name leads nowhere"
    identity = stack.plain({"Ref": vpc.name})
    for name, resource in stack.resources.items():
        if resource.properties.get("VpcId", identity) != identity:
            yield f"{name}: is in another VPC"
    for name, subnets in _groups_of_subnets(stack):
        zones = {stack.properties(subnet).get("AvailabilityZone") for subnet in subnets}
        if len(zones) < 2:
            yield f"{name}: its subnets are in one zone"


def _groups_of_subnets(stack: Stack) -> Iterator[tuple[str, list[str]]]:
    for name, resource in stack.resources.items():
        properties = resource.properties
        given = (
            properties.get("SubnetIds")
            or properties.get("Subnets")
            or properties.get("VpcConfig", {}).get("SubnetIds")
            or properties.get("NetworkConfiguration", {}).get("AwsvpcConfiguration", {}).get("Subnets")
        )
        if given:
            yield name, [stack.named(subnet) or "" for subnet in given]


def functions_reach_the_database(d: Deployment, stack: Stack) -> Iterator[str]:
    """A function whose code connects to the database is in the VPC, which reaches S3 and nothing else."""
    for name, resource in stack.of("AWS::Lambda::Function").items():
        place = resource.properties.get("VpcConfig")
        if not code.uses_database(d, resource.properties):
            if place:
                yield f"{name}: is in the VPC, which has no way to what it calls, and uses no database"
            continue
        if not place:
            yield f"{name}: connects to the database from outside the VPC"
            continue
        groups = place.get("SecurityGroupIds", [])
        yield from _to_database(stack, name, groups)
        yield from _to_s3(stack, name, [stack.named(subnet) or "" for subnet in place.get("SubnetIds", [])], groups)


def page_reaches_what_it_needs(d: Deployment, stack: Stack) -> Iterator[str]:
    """The page's tasks reach the database, and AWS through the internet gateway."""
    for name, service in stack.of("AWS::ECS::Service").items():
        place = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]
        groups = place["SecurityGroups"]
        yield from _to_database(stack, name, groups)
        for subnet in place["Subnets"]:
            if not is_public(stack, stack.named(subnet) or ""):
                yield f"{name}: {stack.named(subnet)} has no way to AWS, and there is no NAT"
        if place.get("AssignPublicIp") != "ENABLED":
            yield f"{name}: a task without a public address cannot leave through the internet gateway"
        if not _lets_out(stack, groups, HTTPS, set()):
            yield f"{name}: its security group keeps HTTPS in"


def visitors_reach_the_page(d: Deployment, stack: Stack) -> Iterator[str]:
    """Visitor to load balancer to task: ports, sources and health checks meet on both sides."""
    port = int(code.constant(d, "frontend/serve.py", "PORT") or 0)
    for name, balancer in stack.of("AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        groups = balancer.properties["SecurityGroups"]
        public = balancer.properties.get("Scheme") == "internet-facing"
        for subnet in balancer.properties["Subnets"]:
            if is_public(stack, stack.named(subnet) or "") != public:
                yield f"{name}: {balancer.properties.get('Scheme')} in {stack.named(subnet)}"
        listeners = _listeners(stack, stack.plain({"Ref": name}))
        if not listeners:
            yield f"{name}: nothing listens"
        ports = {listener["Port"] for listener in listeners.values()}
        opened = {(rule["FromPort"], rule["ToPort"]) for rule in _ingress(stack, set(groups))}
        for number in ports - {first for first, last in opened if first == last}:
            yield f"{name}: listens on {number}, which its security group keeps out"
        for first, last in opened - {(number, number) for number in ports}:
            yield f"{name}: its security group opens {first} to {last}, where nothing listens"
        yield from _sources(stack, name, groups, public=public)
        for service_name, service in stack.of("AWS::ECS::Service").items():
            tasks = service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]
            if not _open(stack, groups, tasks, port):
                yield f"{name}: does not reach {service_name} on {port}, where the page listens"
            yield from _task_ports(stack, service_name, service.properties, port)
    for name, group in stack.of("AWS::ElasticLoadBalancingV2::TargetGroup").items():
        if group.properties.get("Port") != port or group.properties.get("TargetType") != "ip":
            yield f"{name}: the page's tasks are addresses that listen on {port}"
    for name, origin in stack.of("AWS::CloudFront::VpcOrigin").items():
        endpoint = origin.properties["VpcOriginEndpointConfig"]
        plain = [
            listener
            for listener in _listeners(stack, endpoint["Arn"]).values()
            if listener["Protocol"] == "HTTP" and listener["Port"] == endpoint.get("HTTPPort", HTTP)
        ]
        if not plain or endpoint.get("OriginProtocolPolicy") != "http-only":
            yield f"{name}: no listener of the load balancer answers what CloudFront speaks"


def _sources(stack: Stack, name: str, groups: list[str], *, public: bool) -> Iterator[str]:
    for rule in _ingress(stack, set(groups)):
        if public != (rule.get("CidrIp") == _ANYWHERE):
            yield f"{name}: is opened to {rule.get('CidrIp') or rule.get('SourcePrefixListId') or 'others'}"
        if not public and "CloudFrontPrefixList" not in str(rule.get("SourcePrefixListId")):
            yield f"{name}: only CloudFront's prefix list may enter"


def _task_ports(stack: Stack, name: str, service: Json, port: int) -> Iterator[str]:
    (task,) = stack.of("AWS::ECS::TaskDefinition").values()
    containers = {
        c["Name"]: {m["ContainerPort"] for m in c["PortMappings"]} for c in task.properties["ContainerDefinitions"]
    }
    for attachment in service["LoadBalancers"]:
        if attachment["ContainerPort"] not in containers.get(attachment["ContainerName"], set()) | {None}:
            yield f"{name}: its container has no port {attachment['ContainerPort']}"
        if attachment["ContainerPort"] != port:
            yield f"{name}: the page listens on {port}"
        if not any(attachment["TargetGroupArn"] in _targets(listener) for listener in _listeners(stack).values()):
            yield f"{name}: no listener forwards to its target group"


def _targets(listener: Json) -> set[str]:
    return {action.get("TargetGroupArn", "") for action in listener["DefaultActions"]}


def _listeners(stack: Stack, balancer: str | None = None) -> dict[str, Json]:
    found = stack.of("AWS::ElasticLoadBalancingV2::Listener")
    return {n: r.properties for n, r in found.items() if balancer in (None, r.properties["LoadBalancerArn"])}


def security_groups_are_used(d: Deployment, stack: Stack) -> Iterator[str]:
    """Nothing but the database's clients comes near it, and no rule is open wider than a port."""
    for name, ingress in stack.of("AWS::EC2::SecurityGroupIngress").items():
        yield from _too_wide(name, ingress.properties)
    for name, group in stack.of("AWS::EC2::SecurityGroup").items():
        for rule in listed(group.properties.get("SecurityGroupIngress", [])):
            yield from _too_wide(name, rule)
        if not group.properties.get("SecurityGroupEgress"):
            yield f"{name}: without rules of its own it lets everything out"
        for rule in listed(group.properties.get("SecurityGroupEgress", [])):
            if rule.get("IpProtocol") == "-1" and rule.get("CidrIp") != "127.0.0.1/32":
                yield f"{name}: lets everything out"
    users = {g for _, f in stack.of("AWS::Lambda::Function").items() for g in _groups_of_function(f.properties)}
    users |= {
        group
        for service in stack.of("AWS::ECS::Service").values()
        for group in service.properties["NetworkConfiguration"]["AwsvpcConfiguration"]["SecurityGroups"]
    }
    for name, cluster in stack.of("AWS::RDS::DBCluster").items():
        for entry in _ingress(stack, set(cluster.properties.get("VpcSecurityGroupIds", []))):
            source = entry.get("SourceSecurityGroupId")
            of_page = source is not None and "Frontend" in str(source)  # the page's group is there without the page
            if source not in users and not of_page:
                yield f"{name}: lets in {source or entry.get('CidrIp')}, which is no client of it"


def _groups_of_function(function: Json) -> list[str]:
    return list(function.get("VpcConfig", {}).get("SecurityGroupIds", []))


def _too_wide(name: str, rule: Json) -> Iterator[str]:
    if rule.get("IpProtocol") != "tcp" or rule.get("FromPort") != rule.get("ToPort"):
        yield f"{name}: opens more than one port"
    if rule.get("CidrIp") == _ANYWHERE and rule.get("FromPort") not in (HTTP, HTTPS):
        yield f"{name}: opens {rule.get('FromPort')} to everybody"


def isolated_subnets_are_isolated(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each subnet has one route table; that of a public one leads to the VPC's own gateway, no other does."""
    for name in stack.of("AWS::EC2::Subnet"):
        if len(_tables(stack, name)) != 1:
            yield f"{name}: has {len(_tables(stack, name))} route tables"
        if is_public(stack, name) != name.startswith("Public"):
            yield f"{name}: {'has a' if is_public(stack, name) else 'has no'} way to the internet"
    attached = {a.properties.get("InternetGatewayId") for a in stack.of("AWS::EC2::VPCGatewayAttachment").values()}
    for name, route in stack.of("AWS::EC2::Route").items():
        if route.properties.get("GatewayId") not in attached:
            yield f"{name}: leads to a gateway that is not attached"


def is_public(stack: Stack, subnet: str) -> bool:
    """Tell whether a subnet's route table leads to the internet."""
    tables = _tables(stack, subnet)
    return any(
        route.properties.get("DestinationCidrBlock") == _ANYWHERE and route.properties.get("RouteTableId") in tables
        for route in stack.of("AWS::EC2::Route").values()
    )


def _tables(stack: Stack, subnet: str) -> set[str]:
    identity = stack.plain({"Ref": subnet}) if subnet else ""
    associations = stack.of("AWS::EC2::SubnetRouteTableAssociation").values()
    return {a.properties["RouteTableId"] for a in associations if a.properties["SubnetId"] == identity}


def _to_database(stack: Stack, name: str, groups: list[str]) -> Iterator[str]:
    for cluster_name, cluster in stack.of("AWS::RDS::DBCluster").items():
        targets = cluster.properties.get("VpcSecurityGroupIds", [])
        if not _open(stack, groups, targets, cluster.properties.get("Port", MYSQL)):
            yield f"{name}: does not reach {cluster_name} (security groups on both sides)"


def _to_s3(stack: Stack, name: str, subnets: list[str], groups: list[str]) -> Iterator[str]:
    endpoints = [
        endpoint.properties.get("RouteTableIds", [])
        for endpoint in stack.of("AWS::EC2::VPCEndpoint").values()
        if endpoint.properties.get("ServiceName") == f"com.amazonaws.{REGION}.s3"
        and endpoint.properties.get("VpcEndpointType", "Gateway") == "Gateway"
    ]
    tables = {table for endpoint in endpoints for table in endpoint}
    for subnet in subnets:
        if not _tables(stack, subnet) & tables:
            yield f"{name}: {subnet} has no route to S3's endpoint"
    if not _lets_out(stack, groups, HTTPS, set()):
        yield f"{name}: its security group keeps HTTPS in, and S3 out of reach"


def _open(stack: Stack, sources: Collection[str], targets: Collection[str], port: int) -> bool:
    """Tell whether a port is open on both sides, from one set of security groups to another."""
    enters = any(
        rule.get("SourceSecurityGroupId") in sources and rule["FromPort"] <= port <= rule["ToPort"]
        for rule in _ingress(stack, set(targets))
    )
    return enters and _lets_out(stack, sources, port, set(targets))


def _ingress(stack: Stack, groups: set[str]) -> list[Json]:
    own = [
        rule
        for name, group in stack.of("AWS::EC2::SecurityGroup").items()
        if stack.plain({"Ref": name}) in groups
        for rule in listed(group.properties.get("SecurityGroupIngress", []))
    ]
    beside = stack.of("AWS::EC2::SecurityGroupIngress").values()
    return own + [rule.properties for rule in beside if rule.properties.get("GroupId") in groups]


def _lets_out(stack: Stack, groups: Collection[str], port: int, targets: set[str]) -> bool:
    (vpc,) = stack.of("AWS::EC2::VPC").values()
    wide = {_ANYWHERE} | ({vpc.properties["CidrBlock"]} if targets else set())
    for name, group in stack.of("AWS::EC2::SecurityGroup").items():
        if stack.plain({"Ref": name}) not in groups:
            continue
        for rule in listed(group.properties.get("SecurityGroupEgress", [])):
            meets = rule.get("CidrIp") in wide or rule.get("DestinationSecurityGroupId") in targets
            if meets and rule.get("FromPort", 0) <= port <= rule.get("ToPort", 65535):
                return True
    return False
