"""Rules that relate one part of the deployment to another: template, state machines, workflows, code.

Each rule is asked about three stacks on paper: without the page, with the page behind CloudFront, and with the page
under an own domain. tests/template/mutants breaks each relation and sees its rule find it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from scripts.deployment import Deployment
from scripts.relations import (
    builds,
    database,
    events,
    fields,
    flow,
    integrations,
    kept_data,
    metrics,
    network,
    order,
    reach,
    shared_names,
    states,
    workflows,
)
from scripts.relations.paper import Stack, on_paper

Relation = Callable[[Deployment, Stack], Iterator[str]]

VARIANTS: dict[str, dict[str, str]] = {
    "without the page": {},
    "behind CloudFront": {
        "FrontendImageUri": "registry/frontend:1",
        "AlertEmail": "operator@example.org",
        "ImportBucket": reach.IMPORT_BUCKET,
    },
    "own domain": {
        "FrontendImageUri": "registry/frontend:1",
        "DomainName": "reefs.example.org",
        "HostedZoneId": "Z1",
        "DatabaseMinCapacity": "1",
        "WorkerConcurrency": "2",
        "Architecture": "arm64",
        "ZoneA": "eu-west-1b",
        "ZoneB": "eu-west-1c",
    },
}

RELATIONS: tuple[Relation, ...] = (
    integrations.machine_roles_fit,
    reach.roles_fit_the_code,
    reach.page_role_fits_the_code,
    reach.table_of_buckets_is_true,
    reach.variables_name_what_they_hold,
    reach.start_addresses_fit,
    reach.invocations_are_retried_or_kept,
    network.subnets_are_sound,
    network.functions_reach_the_database,
    network.page_reaches_what_it_needs,
    network.visitors_reach_the_page,
    network.security_groups_are_used,
    network.isolated_subnets_are_isolated,
    database.addresses_lead_to_the_database,
    database.schema_is_provisioned,
    database.engine_fits,
    kept_data.data_outlives_the_stack,
    kept_data.versions_outlive_a_mistake,
    kept_data.retention_has_floors,
    kept_data.images_can_be_taken_back,
    metrics.alarms_watch_what_is_emitted,
    metrics.every_failure_is_told,
    metrics.dashboards_show_what_is_emitted,
    shared_names.browsers_may_upload,
    shared_names.sign_in_comes_back,
    shared_names.health_is_asked_where_it_is_told,
    shared_names.cloudfront_forwards_all,
    shared_names.own_domain_is_served,
    shared_names.secrets_hold_the_keys,
    shared_names.variables_are_read,
    shared_names.functions_are_themselves,
    shared_names.architecture_is_one,
    shared_names.page_settings_are_complete,
    events.patterns_match_real_events,
    events.machines_are_started_by_their_event,
    events.targets_can_be_reached,
    events.doors_are_guarded,
    events.arns_are_arns,
    states.steps_follow_each_other,
    states.errors_exist,
    states.waits_are_long_enough,
    states.expressions_are_sound,
    states.executions_get_what_the_code_reads,
    states.states_call_their_function,
    order.order_is_said,
    order.queues_hand_on,
    order.functions_have_the_time,
    order.nothing_is_exposed,
    order.tasks_are_there,
    fields.fields_hold_their_kind,
    fields.references_exist,
    fields.conditions_make_the_right_things,
    fields.roles_have_no_more_than_known,
    builds.zip_files_hold_their_step,
    builds.images_hold_their_step,
    builds.ci_builds_what_is_deployed,
    builds.environments_are_apart,
    flow.every_state_has_a_use,
    flow.success_ends_in_success,
    flow.repeats_are_no_failures,
    flow.services_are_asked_again,
    flow.waits_are_ended,
    flow.functions_get_the_whole_input,
    flow.defaults_are_steps,
    events.refusals_are_told_apart,
    events.states_read_what_events_have,
    shared_names.outputs_tell_the_address,
    reach.variables_hold_their_parameter,
    workflows.tokens_can_do_little,
    workflows.github_is_trusted_for_one_branch,
    workflows.github_role_fits_the_workflow,
    workflows.repositories_serve_their_function,
    workflows.deployment_brings_what_it_says,
)


def found(d: Deployment) -> list[str]:
    """Return what the relations find, each fault once, with the rule's name before it."""
    every = stacks(d)
    return list(dict.fromkeys(fault for rule in RELATIONS for fault in asked(rule, d, every)))


def stacks(d: Deployment) -> list[Stack]:
    """Return what each variant of the parameters makes of the deployment."""
    return [on_paper(d.expanded, parameters) for parameters in VARIANTS.values()]


def asked(rule: Relation, d: Deployment, stacks: list[Stack]) -> list[str]:
    """Return what one relation finds in these stacks, with its name before each fault."""
    return [fault for stack in stacks for fault in _asked_once(rule, d, stack)]


def _asked_once(rule: Relation, d: Deployment, stack: Stack) -> list[str]:
    try:
        return [f"{rule.__name__}: {fault}" for fault in rule(d, stack)]
    except (KeyError, AttributeError, IndexError, TypeError, ValueError) as error:
        return [f"{rule.__name__}: a part has not the form that CloudFormation or Step Functions takes ({error!r})"]
