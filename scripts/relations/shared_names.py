"""Names that template and code both write: addresses, paths, ports, keys of secrets, variables, managed policies."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from reefsteps.model_roles import ModelRole
from scripts.deployment import Deployment, Json, listed
from scripts.relations import code
from scripts.relations.paper import REGION, Stack

# AWS's managed CloudFront policies, by id, with what each does (CloudFront developer guide). Streamlit needs every
# header, cookie and query string at the origin, nothing from a cache, and answers of its own without CORS headers.
MANAGED_POLICIES = {
    "CachePolicyId": {"4135ea2d-6df8-44a3-9df3-4b5a84be39ad": "CachingDisabled"},
    "OriginRequestPolicyId": {"216adef6-5c7f-47e4-b989-5492eafa07d3": "AllViewer"},
    "ResponseHeadersPolicyId": {"67f7725c-6f97-4210-82d7-5512b31e9d03": "SecurityHeadersPolicy"},
}
_METHODS = {"GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"}
_WEBSOCKET_IDLE_S = 60  # Streamlit pings its browsers more often than this

# Variables that AWS or Powertools reads, and not a settings module.
_OF_OTHERS = {"POWERTOOLS_METRICS_NAMESPACE", "POWERTOOLS_SERVICE_NAME", "LOG_LEVEL", "AWS_REGION", "DATABASE_URL"}
_OF_OTHERS |= {"DATABASE_AUTH", "DATABASE_CA_FILE"}


def address(stack: Stack) -> str:
    """Return the page's address; nothing without the page."""
    for name in stack.of("AWS::CloudFront::Distribution"):
        return f"https://{stack.values.identity(name, 'DomainName')}"
    for record in stack.of("AWS::Route53::RecordSet").values():
        return f"https://{record.properties['Name']}"
    return ""


def outputs_tell_the_address(d: Deployment, stack: Stack) -> Iterator[str]:
    """The address that a deployment prints is the page's."""
    for name, output in d.template.get("Outputs", {}).items():
        if "Condition" in output and stack.values.condition(output["Condition"]):
            value = stack.plain(output["Value"])
            if str(value).startswith("https://") and value != address(stack):
                yield f"output {name}: is {value}, and the page is {address(stack)}"


def browsers_may_upload(d: Deployment, stack: Stack) -> Iterator[str]:
    """The raw bucket's CORS rule lets the uploader's own request in, from the page's address alone."""
    script = d.read("frontend/components/uploader.js")
    method = _found(r'request\.open\("(\w+)"', script)
    signed = "POST" if "generate_presigned_post" in d.read("frontend/services/aws.py") else "PUT"
    headers = set(re.findall(r'setRequestHeader\("([\w-]+)"', script))
    read = set(re.findall(r'getResponseHeader\("([\w-]+)"', script))
    if method != signed:
        yield f"uploader.js sends {method}, and the page signs a {signed}"
    for name, bucket in stack.of("AWS::S3::Bucket").items():
        for rule in bucket.properties.get("CorsConfiguration", {}).get("CorsRules", []):
            if rule.get("AllowedMethods") != [method]:
                yield f"{name}: CORS allows {rule.get('AllowedMethods')}, and the uploader sends {method}"
            allowed = rule.get("AllowedHeaders", [])
            if "*" not in allowed and not headers <= set(allowed):
                yield f"{name}: CORS keeps the headers {sorted(headers)} out"
            if not read <= set(rule.get("ExposedHeaders", [])):
                yield f"{name}: CORS hides {sorted(read)} from the uploader"
            origins = rule.get("AllowedOrigins", [])
            if address(stack) and origins != [address(stack)]:
                yield f"{name}: CORS allows {origins}, and the page is {address(stack)}"
            if "*" in "".join(origins):
                yield f"{name}: CORS allows every page"


def sign_in_comes_back(d: Deployment, stack: Stack) -> Iterator[str]:
    """Callback, sign-out and metadata addresses, flows and scopes are those that the page uses."""
    callback = _found(r'\{public\}(/\w+)"', d.read("frontend/serve.py"))
    pool = "".join(stack.values.identity(name, "Ref") for name in stack.of("AWS::Cognito::UserPool"))
    for name, client in stack.of("AWS::Cognito::UserPoolClient").items():
        properties = client.properties
        if properties.get("CallbackURLs") != [f"{address(stack)}{callback}"]:
            yield f"{name}: comes back to {properties.get('CallbackURLs')}, not to {address(stack)}{callback}"
        if address(stack) not in properties.get("LogoutURLs", []):
            yield f"{name}: signing out leads to {properties.get('LogoutURLs')}, not to {address(stack)}"
        if properties.get("UserPoolId") != pool:
            yield f"{name}: is of another user pool"
        if properties.get("AllowedOAuthFlows") != ["code"] or not properties.get("AllowedOAuthFlowsUserPoolClient"):
            yield f"{name}: Streamlit signs in with the code flow"
        if not {"openid", "email", "profile"} <= set(properties.get("AllowedOAuthScopes", [])):
            yield f"{name}: the page shows who is signed in, which takes openid, email and profile"
        if not properties.get("GenerateSecret"):
            yield f"{name}: the page signs in with a secret"
        if "COGNITO" not in properties.get("SupportedIdentityProviders", []):
            yield f"{name}: nobody of the user pool can sign in"
        if properties.get("PreventUserExistenceErrors") != "ENABLED":
            yield f"{name}: tells strangers which addresses have an account"
    for name, users in stack.of("AWS::Cognito::UserPool").items():
        if not users.properties.get("AdminCreateUserConfig", {}).get("AllowAdminCreateUserOnly"):
            yield f"{name}: anybody may make an account"
        if "email" not in users.properties.get("UsernameAttributes", []):
            yield f"{name}: people sign in with their mail address"
        if users.properties.get("Policies", {}).get("PasswordPolicy", {}).get("MinimumLength", 6) < 12:
            yield f"{name}: lets short passwords in"
    environment = page_environment(stack)
    if environment:
        expected = {
            "PUBLIC_URL": address(stack),
            "OIDC_METADATA_URL": f"https://cognito-idp.{REGION}.amazonaws.com/{pool}/.well-known/openid-configuration",
        }
        domains = [stack.values.identity(name, "Ref") for name in stack.of("AWS::Cognito::UserPoolDomain")]
        for domain in domains:
            expected["OIDC_LOGOUT_URL"] = f"https://{domain}.auth.{REGION}.amazoncognito.com/logout"
        for variable, value in expected.items():
            if environment.get(variable, value) != value:
                yield f"the page: {variable} is {environment[variable]}, not {value}"


def page_environment(stack: Stack) -> dict[str, str]:
    """Return the variables of the page's container."""
    for task in stack.of("AWS::ECS::TaskDefinition").values():
        return {e["Name"]: str(e["Value"]) for e in task.properties["ContainerDefinitions"][0]["Environment"]}
    return {}


def health_is_asked_where_it_is_told(d: Deployment, stack: Stack) -> Iterator[str]:
    """Load balancer and image ask the same path, and the load balancer gives a task time."""
    path = _found(r"127\.0\.0\.1:\d+(/[\w/]+)", d.read("frontend/Dockerfile"))
    for name, group in stack.of("AWS::ElasticLoadBalancingV2::TargetGroup").items():
        properties = group.properties
        if properties.get("HealthCheckPath") != path:
            yield f"{name}: asks {properties.get('HealthCheckPath')}, and the image answers at {path}"
        if properties.get("HealthCheckPort", "traffic-port") != "traffic-port":
            yield f"{name}: asks on another port than the page's"
        if properties.get("Protocol") != "HTTP" or properties.get("HealthCheckProtocol", "HTTP") != "HTTP":
            yield f"{name}: Streamlit speaks HTTP"
        if properties.get("Matcher", {}).get("HttpCode", "200") != "200":
            yield f"{name}: takes {properties['Matcher']} for health"
        attributes = {a["Key"]: a["Value"] for a in properties.get("TargetGroupAttributes", [])}
        if attributes.get("stickiness.enabled") != "true" or attributes.get("stickiness.type") != "lb_cookie":
            yield f"{name}: a visitor's requests go to the task that knows the session"
    for name, balancer in stack.of("AWS::ElasticLoadBalancingV2::LoadBalancer").items():
        attributes = {a["Key"]: a["Value"] for a in balancer.properties.get("LoadBalancerAttributes", [])}
        if int(attributes.get("idle_timeout.timeout_seconds", 60)) <= _WEBSOCKET_IDLE_S:
            yield f"{name}: closes the web socket of a visitor who reads"
    for name, service in stack.of("AWS::ECS::Service").items():
        if int(service.properties.get("HealthCheckGracePeriodSeconds", 0)) < 30:
            yield f"{name}: stops tasks before Streamlit has started"
        breaker = service.properties.get("DeploymentConfiguration", {}).get("DeploymentCircuitBreaker", {})
        if not (breaker.get("Enable") and breaker.get("Rollback")):
            yield f"{name}: an image that does not start would be tried for hours"
        configuration = service.properties.get("DeploymentConfiguration", {})
        if configuration.get("MinimumHealthyPercent", 100) < 100 or configuration.get("MaximumPercent", 200) < 200:
            yield f"{name}: a deployment takes the page away"


def cloudfront_forwards_all(d: Deployment, stack: Stack) -> Iterator[str]:
    """Every method, header and cookie reaches Streamlit, nothing is cached, nobody talks in plain text."""
    for name, distribution in stack.of("AWS::CloudFront::Distribution").items():
        configuration = distribution.properties["DistributionConfig"]
        origins = {origin["Id"]: origin for origin in configuration["Origins"]}
        for behaviour in [configuration["DefaultCacheBehavior"], *configuration.get("CacheBehaviors", [])]:
            if set(behaviour.get("AllowedMethods", [])) != _METHODS:
                yield f"{name}: Streamlit needs every method, uploads among them"
            for field, known in MANAGED_POLICIES.items():
                if behaviour.get(field) not in known:
                    yield f"{name}: {field} {behaviour.get(field)} is not {', '.join(known.values())}"
            if behaviour.get("ViewerProtocolPolicy") not in ("redirect-to-https", "https-only"):
                yield f"{name}: answers in plain text"
            if behaviour.get("TargetOriginId") not in origins:
                yield f"{name}: forwards to no origin"
        for origin in origins.values():
            vpc_origin = origin.get("VpcOriginConfig", {})
            made = [stack.values.identity(o, "Id") for o in stack.of("AWS::CloudFront::VpcOrigin")]
            if vpc_origin.get("VpcOriginId") not in made:
                yield f"{name}: its origin is outside the VPC"
            balancers = stack.of("AWS::ElasticLoadBalancingV2::LoadBalancer")
            if origin.get("DomainName") not in [stack.values.identity(b, "DNSName") for b in balancers]:
                yield f"{name}: its origin is {origin.get('DomainName')}"
            if int(vpc_origin.get("OriginReadTimeout", 30)) < 60:
                yield f"{name}: gives up on a page that works for a minute"
        if not configuration.get("Enabled"):
            yield f"{name}: is off"


def own_domain_is_served(d: Deployment, stack: Stack) -> Iterator[str]:
    """Certificate, record and listener are of the same name."""
    balancers = stack.of("AWS::ElasticLoadBalancingV2::LoadBalancer")
    names = [stack.values.identity(b, "DNSName") for b in balancers]
    for name, record in stack.of("AWS::Route53::RecordSet").items():
        alias = record.properties.get("AliasTarget", {})
        zones = [stack.values.identity(b, "CanonicalHostedZoneID") for b in balancers]
        if alias.get("DNSName") not in names or alias.get("HostedZoneId") not in zones:
            yield f"{name}: does not lead to the load balancer"
        if record.properties.get("Type") != "A":
            yield f"{name}: a name of a load balancer is an alias A"
        for certificate in stack.of("AWS::CertificateManager::Certificate").values():
            if certificate.properties.get("DomainName") != record.properties["Name"]:
                yield f"{certificate.name}: is of another name than {name}"
            options = certificate.properties.get("DomainValidationOptions", [{}])[0]
            if certificate.properties.get("ValidationMethod") != "DNS" or options.get(
                "HostedZoneId"
            ) != record.properties.get("HostedZoneId"):
                yield f"{certificate.name}: waits for a validation that nobody makes"
    for name, listener in stack.of("AWS::ElasticLoadBalancingV2::Listener").items():
        if listener.properties["Protocol"] == "HTTPS":
            made = [stack.plain({"Ref": c}) for c in stack.of("AWS::CertificateManager::Certificate")]
            if [c.get("CertificateArn") for c in listener.properties.get("Certificates", [])] != made:
                yield f"{name}: shows another certificate"
            if "TLS13" not in listener.properties.get("SslPolicy", ""):
                yield f"{name}: speaks old TLS"
        for action in listener.properties["DefaultActions"]:
            redirect = action.get("RedirectConfig", {})
            if action["Type"] == "redirect" and (redirect.get("Protocol"), redirect.get("Port")) != ("HTTPS", "443"):
                yield f"{name}: sends visitors to {redirect}"


def secrets_hold_the_keys(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each key that the page's task reads is in the secret, with the variable that the page asks for."""
    asked = code.variables_read(d, "frontend/serve.py") | code.variables_read(d, "frontend/settings.py")
    for task in stack.of("AWS::ECS::TaskDefinition").values():
        for container in task.properties["ContainerDefinitions"]:
            for entry in container.get("Secrets", []):
                *arn, key, _, _ = entry["ValueFrom"].split(":")
                if key not in _keys_of(stack, ":".join(arn)):
                    yield f"the page: {entry['Name']} reads the key '{key}', which its secret has not"
                if entry["Name"].lower().removeprefix("oidc_") != key:
                    yield f"the page: {entry['Name']} reads the key '{key}'"
                if entry["Name"] not in asked:
                    yield f"the page: nothing reads {entry['Name']}"
    for name, secret in stack.of("AWS::SecretsManager::Secret").items():
        made = secret.properties.get("GenerateSecretString", {})
        template = json.loads(made.get("SecretStringTemplate", "{}"))
        clients = [stack.values.identity(client, "ClientSecret") for client in stack.of("AWS::Cognito::UserPoolClient")]
        if template.get("client_secret") not in clients:
            yield f"{name}: client_secret is not the client's"
        if int(made.get("PasswordLength", 32)) < 32:
            yield f"{name}: is short"


def _keys_of(stack: Stack, arn: str) -> set[str]:
    secret = stack.properties(stack.named(arn) or "")
    made = secret.get("GenerateSecretString", {})
    return {*json.loads(made.get("SecretStringTemplate", "{}")), made.get("GenerateStringKey", "")} - {""}


def variables_are_read(d: Deployment, stack: Stack) -> Iterator[str]:
    """No variable is set that no code asks for: it would be a misspelt one, or one of yesterday."""
    shared = code.variables_read(d, "functions/reefsteps/settings.py")
    buckets = code.variables_read(d, "functions/reefsteps/buckets.py")
    roles = code.variables_read(d, "functions/reefsteps/model_roles.py")
    for name, function in stack.of("AWS::Lambda::Function").items():
        package = code.package(function.properties)
        files = (f"functions/{package}/{module}.py" for module in ("settings", "app", "step"))
        own = {variable for file in files for variable in code.variables_read(d, file)}
        settings = d.read(f"functions/{package}/settings.py")
        known = own | shared | _OF_OTHERS | (buckets if "buckets import Buckets" in settings else set())
        known |= roles | buckets if "for role in ModelRole" in settings else set()
        variables = function.properties.get("Environment", {}).get("Variables", {})
        for variable in sorted(set(variables) - known):
            yield f"{name}: nothing reads {variable}"
        service = variables.get("POWERTOOLS_SERVICE_NAME")
        if service != code.step(function.properties):
            yield f"{name}: POWERTOOLS_SERVICE_NAME is {service}, so its metrics and logs bear another's name"
        model = next((role.model_name for role in ModelRole if role.step == code.step(function.properties)), "")
        if variables.get("MODEL_NAME", model) != model:
            yield f"{name}: runs the model {variables['MODEL_NAME']}, and the step's is {model}"
    asked = {v for file in ("settings", "serve", "hosted") for v in code.variables_read(d, f"frontend/{file}.py")}
    asked |= roles
    for variable in sorted(page_environment(stack).keys() - asked - _OF_OTHERS):
        yield f"the page: nothing reads {variable}"


def functions_are_themselves(d: Deployment, stack: Stack) -> Iterator[str]:
    """Name, handler, image, log group and state of a function all say the same step."""
    for name, function in stack.of("AWS::Lambda::Function").items():
        properties = function.properties
        step = code.step(properties)
        if name != f"{step.capitalize()}Function":
            yield f"{name}: runs the handler of {step}"
        if properties.get("FunctionName") != f"{stack.values.stack}-{step}":
            yield f"{name}: is called {properties.get('FunctionName')}"
        group = properties.get("LoggingConfig", {}).get("LogGroup", "")
        if group != f"/aws/lambda/{stack.values.stack}-{step}":
            yield f"{name}: logs into {group}"
        metadata = d.template["Resources"].get(name, {}).get("Metadata", {})
        if properties.get("PackageType") == "Image":
            if (
                metadata.get("Dockerfile") != f"{code.package(properties)}/Dockerfile"
                or metadata.get("DockerTag") != step
            ):
                yield f"{name}: is built as {metadata.get('DockerTag')} from {metadata.get('Dockerfile')}"
        elif not str(properties.get("Handler")).endswith(".app.handler"):
            yield f"{name}: {properties.get('Handler')} is no handler"
        if listed(properties.get("Architectures")) != [stack.plain({"Ref": "Architecture"})]:
            yield f"{name}: is built for another architecture than the rest"


def architecture_is_one(d: Deployment, stack: Stack) -> Iterator[str]:
    """Functions and page run on the architecture that they were built for, with memory and processors that fit."""
    names = {"x86_64": "X86_64", "arm64": "ARM64"}
    wanted = names.get(stack.plain({"Ref": "Architecture"}))
    pairs = {"256": (512, 2048), "512": (1024, 4096), "1024": (2048, 8192), "2048": (4096, 16384)}
    for name, task in stack.of("AWS::ECS::TaskDefinition").items():
        if task.properties.get("RuntimePlatform", {}).get("CpuArchitecture") != wanted:
            yield f"{name}: runs on another architecture than {wanted}"
        if task.properties.get("NetworkMode") != "awsvpc" or task.properties.get("RequiresCompatibilities") != [
            "FARGATE"
        ]:
            yield f"{name}: is no Fargate task"
        least, most = pairs.get(str(task.properties.get("Cpu")), (0, 0))
        if not least <= int(task.properties.get("Memory", 0)) <= most:
            yield f"{name}: Fargate has no {task.properties.get('Memory')} MB with {task.properties.get('Cpu')} units"


def _found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    return match[1] if match else ""


def page_settings_are_complete(d: Deployment, stack: Stack) -> Iterator[str]:
    """The page starts with the variables that its task gives it."""
    for task in stack.of("AWS::ECS::TaskDefinition").values():
        container: Json = task.properties["ContainerDefinitions"][0]
        given = {entry["Name"] for entry in [*container["Environment"], *container.get("Secrets", [])]}
        required = set(re.findall(r'read\.(?:text|choice)\("([A-Z_]+)"[^,()]*\)', d.read("frontend/settings.py")))
        required |= set(re.findall(r'environment\.text\("([A-Z_]+)"\)', d.read("frontend/serve.py")))
        for variable in sorted(required - given):
            yield f"the page: {variable} is missing"
        for group in (container.get("LogConfiguration", {}).get("Options", {}).get("awslogs-group"),):
            if stack.named(str(group)) != "FrontendLogs":
                yield f"the page: logs into {group}"
        options = container.get("LogConfiguration", {}).get("Options", {})
        if options.get("awslogs-region") != REGION:
            yield f"the page: logs into another region, {options.get('awslogs-region')}"
