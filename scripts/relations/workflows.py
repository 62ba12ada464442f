"""Workflows and the registry's template: GitHub's permissions, the role that it assumes, what that role may do."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from samtranslator.yaml_helper import yaml_parse

from scripts.deployment import Deployment, Json, listed
from scripts.relations import code
from scripts.relations.paper import ACCOUNT, REGION, STACK, Stack, on_paper
from scripts.relations.policies import Need, Statement, allowed, foreign, of_role, statements, unmet, unused

FILES = (".github/workflows/ci.yml", ".github/workflows/deploy.yml")
DEPLOY = ".github/workflows/deploy.yml"
_CREDENTIALS, _CHECKOUT = "aws-actions/configure-aws-credentials", "actions/checkout"
_AUDIENCE = "sts.amazonaws.com"  # what configure-aws-credentials asks for unless told otherwise
_ISSUER = "token.actions.githubusercontent.com"
_PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:BatchGetImage",
    "ecr:CompleteLayerUpload",
    "ecr:DescribeImages",
    "ecr:GetDownloadUrlForLayer",
    "ecr:InitiateLayerUpload",
    "ecr:PutImage",
    "ecr:UploadLayerPart",
)
_PULL = {"ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"}
# What the AWS commands of the workflows ask for (AWS CLI; a waiter polls another call).
_COMMANDS: dict[str, tuple[str, ...]] = {
    "lambda update-function-code": ("lambda:UpdateFunctionCode",),
    "lambda wait function-updated-v2": ("lambda:GetFunction",),
    "lambda wait function-updated": ("lambda:GetFunctionConfiguration",),
    "lambda get-function": ("lambda:GetFunction",),
    "ecr get-login-password": ("ecr:GetAuthorizationToken",),
    "ecr describe-images": ("ecr:DescribeImages",),
    "ecs describe-services": ("ecs:DescribeServices",),
    "ecs describe-task-definition": ("ecs:DescribeTaskDefinition",),
    "ecs register-task-definition": ("ecs:RegisterTaskDefinition",),
    "ecs update-service": ("ecs:UpdateService",),
    "ecs wait services-stable": ("ecs:DescribeServices",),
}
_LONGEST_MIN = 60


@cache
def _parsed(text: str) -> Json:
    parsed: Json = yaml_parse(text)
    return parsed


def _events(workflow: Json) -> Json:
    """Return what starts the workflow; YAML reads the key `on` as true."""
    found: dict[Any, Any] = workflow
    events = found.get("on", found.get(True, {}))
    return events if isinstance(events, dict) else {name: {} for name in listed(events)}


def _jobs(d: Deployment, file: str) -> dict[str, Json]:
    return dict(_parsed(d.read(file)).get("jobs", {}))


def _uses(job: Json, action: str) -> list[Json]:
    return [step for step in job.get("steps", []) if str(step.get("uses", "")).startswith(f"{action}@")]


def _scripts(job: Json) -> str:
    return "\n".join(str(step.get("run", "")) for step in job.get("steps", []))


def tokens_can_do_little(d: Deployment, stack: Stack) -> Iterator[str]:
    """Nothing by default but reading; an identity for AWS only where a job signs in to AWS."""
    for file in FILES:
        workflow = _parsed(d.read(file))
        if workflow.get("permissions") != {"contents": "read"}:
            yield f"{file}: every job may {workflow.get('permissions', 'do everything')}"
        events = _events(workflow)
        if set(events) & {"pull_request_target", "workflow_run", "issue_comment"}:
            yield f"{file}: runs code of strangers with the repository's rights"
        for name, job in _jobs(d, file).items():
            given = job.get("permissions", workflow.get("permissions", {}))
            wanted = {"contents": "read"} if _uses(job, _CHECKOUT) else {}
            if _uses(job, _CREDENTIALS):
                wanted["id-token"] = "write"
            if "gh run list" in _scripts(job):
                wanted["actions"] = "read"
            if given != wanted:
                yield f"{file}: {name} has the permissions {given}, and needs {wanted}"
            for step in _uses(job, _CHECKOUT):
                if step.get("with", {}).get("persist-credentials") is not False:
                    yield f"{file}: {name} leaves its token in the checkout"
            if not 0 < int(job.get("timeout-minutes", 360)) <= _LONGEST_MIN:
                yield f"{file}: {name} may hang for {job.get('timeout-minutes', 360)} minutes"
            if re.search(r"\$\{\{\s*(github\.event|inputs|github\.head_ref)", _scripts(job)):
                yield f"{file}: {name} runs what somebody types as a script"


def github_is_trusted_for_one_branch(d: Deployment, stack: Stack) -> Iterator[str]:
    """Issuer, audience, subject and branch of the trust are those of the deploying jobs, and no others."""
    registry = registry_on_paper(d)
    for name, provider in registry.of("AWS::IAM::OIDCProvider").items():
        if provider.properties.get("Url") != f"https://{_ISSUER}":
            yield f"{name}: {provider.properties.get('Url')} is not GitHub"
        if provider.properties.get("ClientIdList") != [_AUDIENCE]:
            yield f"{name}: lets {provider.properties.get('ClientIdList')} in, not {_AUDIENCE}"
    environment = registry.plain({"Ref": "GitHubEnvironment"})
    wanted = {
        f"{_ISSUER}:aud": _AUDIENCE,
        f"{_ISSUER}:sub": f"repo:{_REPOSITORY}:environment:{environment}",
        f"{_ISSUER}:ref": "refs/heads/main",
    }
    for statement in listed(registry.properties("GitHubRole").get("AssumeRolePolicyDocument", {}).get("Statement", [])):
        if statement.get("Condition") != {"StringEquals": wanted}:
            yield f"GitHubRole: trusts {json.dumps(statement.get('Condition'))}, not {json.dumps(wanted)} to the letter"
        if statement.get("Action") != "sts:AssumeRoleWithWebIdentity":
            yield f"GitHubRole: {statement.get('Action')} is not what GitHub's token is for"
        if statement.get("Principal", {}).get("Federated") != registry.plain({"Ref": "GitHubProvider"}):
            yield "GitHubRole: trusts another provider than GitHub's"
    for file in FILES:
        for job_name, job in _jobs(d, file).items():
            for step in _uses(job, _CREDENTIALS):
                given = step.get("with", {})
                if given.get("audience", _AUDIENCE) != _AUDIENCE:
                    yield f"{file}: {job_name} asks for the audience {given['audience']}"
                if "environment" not in job:
                    yield f"{file}: {job_name} has no environment, which the role's trust names"
                if "secrets.AWS_IAM_ROLE" not in str(given.get("role-to-assume")):
                    yield f"{file}: {job_name} assumes {given.get('role-to-assume')}"
                if {"aws-access-key-id", "aws-secret-access-key"} & given.keys():
                    yield f"{file}: {job_name} uses keys that last"


_REPOSITORY = "owner/reefsteps"


def registry_on_paper(d: Deployment) -> Stack:
    """Return the registry's stack with GitHub."""
    parameters = {"ApplicationStack": STACK, "GitHubRepository": _REPOSITORY}
    return on_paper(d.registry, parameters, stack=f"{STACK}-registry")


def github_role_fits_the_workflow(d: Deployment, stack: Stack) -> Iterator[str]:
    """What the deploying jobs call is allowed on what they name, and nothing else is."""
    if "FrontendService" not in stack.resources:
        return
    registry = registry_on_paper(d)
    found = of_role(registry, "GitHubRole")
    needs = list(_needs(d, stack, registry))
    plain = [Statement(s.actions, s.resources, s.allows) for s in found]  # PassRole's condition is looked at below
    yield from unmet(plain, (need for need in needs if need.must), "GitHubRole")
    yield from unused(plain, needs, "GitHubRole")
    for statement in found:
        if "iam:PassRole" in statement.actions:
            if statement.condition != {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}:
                yield "GitHubRole: may pass roles to more than ECS's tasks"
        elif statement.condition:
            yield f"GitHubRole: may {statement.actions} only if {json.dumps(statement.condition)}"


def _needs(d: Deployment, stack: Stack, registry: Stack) -> Iterator[Need]:
    called = {
        command
        for job in _jobs(d, DEPLOY).values()
        for command in _COMMANDS
        if re.search(rf"\baws {command}\b(?!-)", _scripts(job))
    }
    asked = {action for command in called for action in _COMMANDS[command]}
    for step, function in sorted(_image_functions(stack).items()):
        for action in sorted(a for a in asked if a.startswith("lambda:")):
            yield Need(action, stack.values.identity(function, "Arn"), "the workflow", must=step in _workers(d))
        yield Need("lambda:GetFunctionConfiguration", stack.values.identity(function, "Arn"), "a waiter", must=False)
    for repository in registry.of("AWS::ECR::Repository"):
        for action in _PUSH:
            yield Need(action, registry.values.identity(repository, "Arn"), "docker push")
    cluster, service = stack.plain({"Ref": "WebCluster"}), stack.properties("FrontendService").get("ServiceName")
    family = stack.properties("FrontendTask").get("Family")
    resources = {
        "ecs:DescribeServices": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{cluster}/{service}",
        "ecs:UpdateService": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/{cluster}/{service}",
        "ecs:RegisterTaskDefinition": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{family}:1",
        "ecs:DescribeTaskDefinition": "*",
        "ecr:GetAuthorizationToken": "*",
    }
    yield from (Need(a, resources[a], "the workflow") for a in sorted(asked) if a in resources)
    for role in ("FrontendRole", "FrontendExecutionRole"):
        yield Need("iam:PassRole", stack.values.identity(role, "Arn"), "the task definition that it registers")


def _image_functions(stack: Stack) -> dict[str, str]:
    functions = stack.of("AWS::Lambda::Function").items()
    return {code.step(f.properties): name for name, f in functions if f.properties.get("PackageType") == "Image"}


def _workers(d: Deployment) -> list[str]:
    """Return the workers that the deployment brings images of."""
    match = re.search(r"for worker in ([\w ]+);", d.read(".github/workflows/changed.sh"))
    return match[1].split() if match else []


def repositories_serve_their_function(d: Deployment, stack: Stack) -> Iterator[str]:
    """Lambda may pull each function's image for that function; repositories bear the steps' names."""
    registry = registry_on_paper(d)
    functions = _image_functions(stack)
    names = {}
    for name, repository in registry.of("AWS::ECR::Repository").items():
        step = name.removesuffix("Repository").lower()
        names[step] = repository.properties.get("RepositoryName")
        if names[step] != f"{STACK}/{step}":
            yield f"{name}: is called {names[step]}"
        if step not in functions:
            continue
        arn = stack.values.identity(functions[step], "Arn")
        document = repository.properties.get("RepositoryPolicyText", {})
        pulled = False
        for statement, read in zip(listed(document.get("Statement", [])), statements(document), strict=True):
            patterns = [p for c in read.condition.values() for p in listed(next(iter(c.values()), ""))]
            condition = [Statement(read.actions, tuple(patterns), allows=True)]
            fits = patterns and allowed(condition, read.actions[0], arn)
            if patterns and allowed(condition, read.actions[0], foreign(arn)):
                yield f"{name}: lets functions of other stacks pull"
            keys = {key.lower() for c in read.condition.values() for key in c}
            likes = set(read.condition) <= {"StringLike", "ArnLike"}
            principal = statement.get("Principal")
            if principal == {"Service": "lambda.amazonaws.com"} and set(read.actions) >= _PULL and fits:
                pulled = keys == {"aws:sourcearn"} and likes and read.allows
            if set(read.actions) - _PULL:
                yield f"{name}: lets Lambda {sorted(set(read.actions) - _PULL)}"
        if not pulled:
            yield f"{name}: Lambda may not pull it for {functions[step]}"
    for output, value in d.registry.get("Outputs", {}).items():
        named = registry.named(str(registry.plain(value["Value"]))) or ""
        if output.endswith("RepositoryUri") and output != f"{named}Uri":
            yield f"output {output}: is the address of {named}"
    for step in [*functions, "frontend"]:
        if step not in names:
            yield f"registry.yaml: has no repository for {step}"


def deployment_brings_what_it_says(d: Deployment, stack: Stack) -> Iterator[str]:
    """Each job builds, pushes, updates and waits for the same thing, from the branch that may deploy."""
    workflow, jobs = _parsed(d.read(DEPLOY)), _jobs(d, DEPLOY)
    events = _events(workflow)
    if events.get("push", {}).get("branches") != ["main"]:
        yield f"{DEPLOY}: a push to {events.get('push', {}).get('branches')} deploys"
    concurrency = workflow.get("concurrency", {})
    if "environment" not in str(concurrency.get("group")) or concurrency.get("cancel-in-progress") is not False:
        yield f"{DEPLOY}: two deployments to one environment, or one that is cut off"
    first = jobs.get("changes", {}).get("steps", [{}])[0]
    if first.get("if") != "github.ref != 'refs/heads/main'" or "exit 1" not in str(first.get("run")):
        yield f"{DEPLOY}: deploys from every branch that somebody chooses by hand"
    for name, job in jobs.items():
        if name != "changes" and name in ("workers", "frontend"):
            if "changes" not in listed(job.get("needs", [])):
                yield f"{DEPLOY}: {name} does not wait for what changed"
            if f"needs.changes.outputs.{name}" not in str(job.get("if")):
                yield f"{DEPLOY}: {name} runs if {job.get('if')}"
            if f"steps.diff.outputs.{name}" not in str(jobs.get("changes", {}).get("outputs", {}).get(name)):
                yield f"{DEPLOY}: changes hands on {jobs['changes']['outputs'].get(name)} as {name}"
    yield from _worker_faults(d, jobs.get("workers", {}))
    yield from _page_faults(jobs.get("frontend", {}))


def _worker_faults(d: Deployment, job: Json) -> Iterator[str]:
    where, workers = f"{DEPLOY}: workers", set(_workers(d))
    for variable, kind in (("REPOSITORY", "ECR_{}_LAMBDA"), ("FUNCTION", "LAMBDA_IMAGE_{}")):
        text = str(job.get("env", {}).get(variable, ""))
        pairs = dict(re.findall(r"matrix\.worker == '(\w+)' && secrets\.(\w+)", text))
        last = re.findall(r"\|\| secrets\.(\w+) \}\}", text)
        rest = sorted(workers - set(pairs))
        if len(rest) == 1 and len(last) == 1:
            pairs[rest[0]] = last[0]
        if pairs != {worker: kind.format(worker.upper()) for worker in workers}:
            yield f"{where}: {variable} is {pairs}"
    script = _scripts(job)
    for words in (
        "--provenance=false",
        'PIPELINE_VERSION="$GITHUB_SHA"',
        '--file "functions/$WORKER/Dockerfile"',
        '"$image" functions',
        "--target=onnx",
        'image="$REGISTRY/$REPOSITORY:$GITHUB_SHA"',
        '--image-uri "$REGISTRY/$REPOSITORY:$GITHUB_SHA"',
        '--repository-name "$REPOSITORY"',
        'update-function-code --function-name "$FUNCTION"',
        'wait function-updated-v2 --function-name "$FUNCTION"',
    ):
        if words not in script:
            yield f"{where}: no longer says {words}"
    yield from _in_order(where, script, "docker build", "docker push", "update-function-code", "function-updated-v2")
    if job.get("strategy", {}).get("fail-fast") is not False:
        yield f"{where}: one worker's fault stops the others half way"


def _page_faults(job: Json) -> Iterator[str]:
    where, script = f"{DEPLOY}: frontend", _scripts(job)
    for words in (
        "--file frontend/Dockerfile",
        'image="$REGISTRY/$REPOSITORY:$GITHUB_SHA"',
        "ecs wait services-stable",
        'test "$running" = "$next"',
        'update-service --cluster "$CLUSTER" --service "$SERVICE" --task-definition "$next"',
        'describe-task-definition --task-definition "$current"',
        ".containerDefinitions[0].image = $image",
        'services-stable --cluster "$CLUSTER" --services "$SERVICE"',
        '--repository-name "$REPOSITORY"',
    ):
        if words not in script:
            yield f"{where}: no longer says {words}"
    if "ECR_FRONTEND_APP" not in str(job.get("env", {}).get("REPOSITORY")):
        yield f"{where}: pushes to {job.get('env', {}).get('REPOSITORY')}"
    for variable in ("CLUSTER", "SERVICE"):
        if f"vars.ECS_{variable}" not in str(job.get("env", {}).get(variable)):
            yield f"{where}: {variable} is {job.get('env', {}).get(variable)}"
    yield from _in_order(
        where, script, "docker build", "docker push", "register-task-definition", "update-service", "services-stable"
    )


def _in_order(where: str, script: str, *words: str) -> Iterator[str]:
    places = [script.find(word) for word in words]
    if -1 in places or places != sorted(places):
        yield f"{where}: does not do {', '.join(words)} in this order"
