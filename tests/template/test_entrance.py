"""What the page's entrances add and close, with CloudFront as with an own domain."""

from __future__ import annotations

from typing import Any

import pytest
from samtranslator.yaml_helper import yaml_parse

from tests.support.local_stack import REPOSITORY

_MANAGED_SECURITY_HEADERS = "67f7725c-6f97-4210-82d7-5512b31e9d03"  # CloudFront's "SecurityHeadersPolicy"
_HEADERS = {
    "strict_transport_security": "max-age=31536000",
    "x_content_type_options": "nosniff",
    "x_frame_options": "SAMEORIGIN",
}


@pytest.fixture(scope="module")
def resources() -> dict[str, Any]:
    template: dict[str, Any] = yaml_parse((REPOSITORY / "template.yaml").read_text())
    return {name: one["Properties"] for name, one in template["Resources"].items() if "Properties" in one}


def test_security_headers_come_from_the_load_balancer_where_the_domain_is_the_operators(
    resources: dict[str, Any],
) -> None:
    added = {entry["Key"]: entry["Value"] for entry in resources["HttpsListener"]["ListenerAttributes"]}
    assert added == {f"routing.http.response.{name}.header_value": value for name, value in _HEADERS.items()}
    behaviour = resources["Distribution"]["DistributionConfig"]["DefaultCacheBehavior"]
    assert behaviour["ResponseHeadersPolicyId"] == _MANAGED_SECURITY_HEADERS


@pytest.mark.parametrize(
    ("rule", "listener"), [("MetricsRuleHttp", "HttpListener"), ("MetricsRuleHttps", "HttpsListener")]
)
def test_streamlits_metrics_answer_nobody(resources: dict[str, Any], rule: str, listener: str) -> None:
    found = resources[rule]
    assert found["ListenerArn"] == {"Ref": listener}
    assert found["Priority"] == 1, "before every other rule"
    (condition,), (action,) = found["Conditions"], found["Actions"]
    assert condition["PathPatternConfig"]["Values"] == ["*/_stcore/metrics*"]
    assert action["FixedResponseConfig"]["StatusCode"] == "404"
