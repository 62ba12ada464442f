"""Availability zones of a first deployment: the page's load balancer has to be where CloudFront's VPC origins are."""

from __future__ import annotations

from typing import Any

# Zones that take no VPC origins (CloudFront developer guide, "Restrict access with VPC origins", supported Regions).
# Ids, because the names of zones are dealt anew to each account.
WITHOUT_VPC_ORIGINS = frozenset({"use1-az3", "usw1-az2", "apne1-az3", "apne2-az1", "cac1-az3"})


def choose(ec2: Any) -> dict[str, str]:
    """Return the parameters ZoneA and ZoneB of a first deployment; nothing where the template's own choice will do.

    The template takes the first two zones of the region. A stack that is there keeps its zones: other ones would
    replace its subnets.
    """
    answer = ec2.describe_availability_zones(Filters=[{"Name": "zone-type", "Values": ["availability-zone"]}])
    zones = sorted((zone["ZoneName"], zone["ZoneId"]) for zone in answer["AvailabilityZones"])
    usable = [name for name, identity in zones if identity not in WITHOUT_VPC_ORIGINS]
    if len(usable) < 2 or [name for name, _ in zones[:2]] == usable[:2]:
        return {}
    return {"ZoneA": usable[0], "ZoneB": usable[1]}
