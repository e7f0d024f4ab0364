"""THE table of the linter: one row a rule. What each looks for is a function of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bedrock_gateway.iam.lint import (
    actions,
    breadth,
    form,
    guardrails,
    keys,
    legs,
    managed,
    passing,
    resources,
    trusts,
)
from bedrock_gateway.iam.lint.model import Rule

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["READING_CODES", "RULES"]

_UG = "https://docs.aws.amazon.com/bedrock/latest/userguide/"
_IAM = "https://docs.aws.amazon.com/IAM/latest/UserGuide/"
_SAR = "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonbedrock.html"
_CHECKS = f"{_IAM}access-analyzer-reference-policy-checks.html"

RULES: Sequence[Rule] = (
    Rule(
        "BG001", "wrong-prefix", "Prefix of an endpoint instead of bedrock", "error",
        "All four endpoints of Bedrock are authorised under the one prefix `bedrock:`. Under another prefix the action "
        "does not exist: IAM accepts the policy, and the call is denied.",
        "write the action with the prefix bedrock:",
        _SAR, actions.wrong_prefix, ("INVALID_SERVICE_IN_ACTION",),
    ),
    Rule(
        "BG002", "unknown-action", "Action that does not exist", "error",
        "IAM accepts unknown actions silently; they match no request. Converse and ConverseStream are operations, not "
        "actions: they are authorised as InvokeModel and InvokeModelWithResponseStream.",
        "write an action of the service's table",
        _SAR, actions.unknown, ("INVALID_ACTION", "MISSING_ACTION"),
    ),
    Rule(
        "BG003", "star-only-action", "Action without resource types under an ARN", "error",
        "An action that has no resource type is authorised on `*`. In a statement that names ARNs only it matches nothing.",
        'move it to a statement of its own with "Resource": "*"',
        _SAR, actions.star_only, ("UNSUPPORTED_RESOURCE_ARN_IN_POLICY",),
    ),
    Rule(
        "BG004", "account-in-arn", "Account in a model's ARN, or none in another", "error",
        "AWS owns foundation models, so their ARN has no account; every other resource of Bedrock belongs to one. An "
        "ARN of the wrong form is never the resource of a request.",
        "leave the account out of foundation-model, put it into every other ARN",
        _SAR, resources.owned_wrongly, ("INVALID_ARN_ACCOUNT", "MISSING_ARN_FIELD"),
    ),
    Rule(
        "BG005", "missing-destination", "Destination Region of a profile is not allowed", "error",
        "A call through a cross-Region profile is authorised on the profile and on the model in the Region that the "
        "service picks. Where one is missing, calls are denied now and then.",
        "allow the model in the source Region and in every destination",
        f"{_UG}geographic-cross-region-inference.html", legs.missing_leg,
    ),
    Rule(
        "BG006", "missing-global-leg", "Model ARN without a Region is not allowed for a global profile", "error",
        "A call through a `global.` profile is authorised on `arn:aws:bedrock:::foundation-model/…` too.",
        "allow the model's ARN without a Region, bound to the profile",
        f"{_UG}global-cross-region-inference.html", legs.missing_global_leg,
    ),
    Rule(
        "BG007", "unbound-leg", "Model leg is not bound to its profile", "warning",
        "Without a condition on bedrock:InferenceProfileArn the leg also lets the model be called directly, in every "
        "Region of the profile, past the quota and the tags of the profile.",
        "bind the legs with ArnEquals on bedrock:InferenceProfileArn",
        f"{_UG}inference-profiles-prereq.html", legs.unbound,
    ),
    Rule(
        "BG008", "passrole-missing", "PassRole is missing", "error",
        "The operation hands a role to Bedrock. AWS's table lists no dependent action, and the call is denied without it.",
        "allow iam:PassRole on that role, with iam:PassedToService = bedrock.amazonaws.com",
        f"{_UG}kb-permissions.html", passing.missing,
    ),
    Rule(
        "BG009", "streaming-missing", "Streaming action is missing beside InvokeModel", "warning",
        "ConverseStream and InvokeModelWithResponseStream need an action of their own. A Sid that `policy` writes "
        "(InvokeModelOn…) says that the application does not stream.",
        "add bedrock:InvokeModelWithResponseStream, or remove the streams",
        f"{_UG}inference-prereq.html", legs.no_streaming,
    ),
    Rule(
        "BG010", "ownership-condition", "Condition on the owner of a foundation model", "error",
        "AWS owns foundation models: aws:ResourceAccount, aws:ResourceOrgID and aws:ResourceTag are never the caller's.",
        "move the models to a statement without that condition",
        f"{_UG}batch-inference-permissions.html", resources.ownership,
    ),
    Rule(
        "BG011", "guardrail-hole", "Deny that is there to force a guardrail has a hole", "error",
        "What the Deny does not cover can be called without the guardrail: other resources, the streaming action, a "
        "call without the key.",
        'deny both invoke actions on "*" with a negated operator that names the guardrail',
        f"{_UG}guardrails-permissions-id.html", guardrails.holes,
    ),
    Rule(
        "BG012", "federation-open", "Identity provider without audience or subject", "error",
        "Without the audience a token for another client is taken, without the subject every user of the provider is "
        "let in. IAM itself checks the claim for a few shared providers only.",
        "demand both claims",
        f"{_IAM}id_roles_providers_oidc_secure-by-default.html", trusts.federated,
        ("MISSING_CONDITION_KEY_FOR_OIDC_PRINCIPAL", "MISSING_GITHUB_REPO_CONDITION_KEY",
         "SPECIFIC_GITHUB_REPO_AND_BRANCH_RECOMMENDED"),
    ),
    Rule(
        "BG013", "over-quota", "Larger than IAM's quota", "error",
        "IAM counts characters without whitespace. A document over the quota cannot be stored.",
        "split it into several managed policies",
        f"{_IAM}reference_iam-quotas.html", form.over_quota,
        ("POLICY_SIZE_EXCEEDS_IDENTITY_POLICY_QUOTA", "POLICY_SIZE_EXCEEDS_RESOURCE_POLICY_QUOTA",
         "POLICY_SIZE_EXCEEDS_ROLE_TRUST_POLICY_QUOTA"),
    ),
    Rule(
        "BG014", "region-condition-on-global", "Region condition over the model ARN without a Region", "error",
        "On that ARN aws:RequestedRegion is `unspecified`, so a list of Regions refuses every call.",
        "put the ARN into a statement of its own, or add the value unspecified",
        f"{_UG}global-cross-region-inference.html", keys.region_less,
    ),
    Rule(
        "BG015", "resource-mismatch", "Action and resource that never meet", "error",
        "An action is authorised on resources of its types only; on another it grants or denies nothing.",
        "name a resource of the action's types, or take one of the two out",
        _SAR, actions.misplaced, ("UNSUPPORTED_RESOURCE_ARN_IN_POLICY", "INVALID_ARN_RESOURCE"),
    ),
    Rule(
        "BG016", "malformed-arn", "Malformed ARN", "error",
        "What is not an ARN of the service's form is the resource of no request.",
        "write the ARN as the service's table has it",
        f"{_IAM}reference-arns.html", resources.malformed,
        ("INVALID_ARN_PREFIX", "INVALID_PARTITION", "INVALID_REGION", "INVALID_ARN_REGION", "INVALID_ARN_ACCOUNT",
         "INVALID_ARN_SERVICE_CASE", "ARN_REGION_NOT_ALLOWED", "ARN_ACCOUNT_NOT_ALLOWED", "MISSING_ARN_REGION",
         "MISSING_ARN_FIELD"),
    ),
    Rule(
        "BG017", "needs-profile", "Model that can only be called through a profile", "warning",
        "Many models have no on-demand throughput: their bare id is refused in that Region, whatever IAM allows.",
        "allow a profile of the model and its legs",
        f"{_UG}inference-profiles-support.html", legs.needs_profile,
    ),
    Rule(
        "BG018", "passrole-unbounded", "PassRole is not bounded", "error",
        "Who may pass any role to any service has the rights of every role.",
        "name the role, and the service in iam:PassedToService",
        f"{_IAM}id_roles_use_passrole.html", passing.unbounded,
        ("PASS_ROLE_WITH_STAR_IN_RESOURCE", "PASS_ROLE_WITH_STAR_IN_ACTION_AND_RESOURCE", "PASS_ROLE_WITH_NOT_RESOURCE",
         "PASS_ROLE_WITH_STAR_IN_ACTION_AND_NOT_RESOURCE", "PASS_ROLE_WITH_NOT_ACTION_AND_NOT_RESOURCE",
         "PASS_ROLE_WITH_STAR_IN_RESOURCE_AND_NOT_ACTION"),
    ),
    Rule(
        "BG019", "confused-deputy", "Service is let in for any account", "error",
        "Without aws:SourceAccount or aws:SourceArn anybody's Bedrock can be made to act through the role, or to write "
        "to the bucket.",
        "demand aws:SourceAccount, and aws:SourceArn",
        f"{_IAM}confused-deputy.html", trusts.service_guard,
        ("RESTRICT_ACCESS_TO_SERVICE_PRINCIPAL", "RECOMMENDED_CONDITION_KEY_FOR_SERVICE_PRINCIPAL",
         "MISSING_PAIRED_CONDITION_KEYS"),
    ),
    Rule(
        "BG020", "principal", "Principal that is too wide, or names nobody", "error",
        "Only a lone `*` is a wildcard in a principal, and it lets everybody in. A federated principal comes in by the "
        "action of its kind.",
        "name the principal in full",
        f"{_IAM}reference_policies_elements_principal.html", trusts.principals,
        ("ALLOW_WITH_NOT_PRINCIPAL", "UNSUPPORTED_WILDCARD_IN_PRINCIPAL",
         "ROLE_TRUST_POLICY_UNSUPPORTED_WILDCARD_IN_PRINCIPAL", "ROLE_TRUST_POLICY_SYNTAX_ERROR_NOTPRINCIPAL",
         "MISMATCHED_ACTION_FOR_PRINCIPAL"),
    ),
    Rule(
        "BG021", "wrong-element", "Element that this kind of document does not have, or lacks", "error",
        "A policy of a principal has a Resource and no Principal, a trust policy the other way round, a policy of a "
        "resource both.",
        "add or remove the element",
        f"{_IAM}reference_policies_grammar.html", trusts.wrong_elements,
        ("MISSING_RESOURCE", "MISSING_PRINCIPAL", "UNSUPPORTED_PRINCIPAL", "ROLE_TRUST_POLICY_SYNTAX_ERROR_RESOURCE"),
    ),
    Rule(
        "BG022", "wide-action", "Wildcard in an action is too broad", "warning",
        "It takes in actions that change things, and whatever AWS adds under that name.",
        "name the actions",
        f"{_IAM}best-practices.html", breadth.wide_action,
    ),
    Rule(
        "BG023", "wide-resource", "Every resource, where one can be named", "warning",
        "The action can be scoped to an ARN; on `*` it reaches every resource of the account.",
        "name the resources",
        f"{_IAM}best-practices.html", breadth.wide_resource,
    ),
    Rule(
        "BG024", "wide-model", "Every model", "warning",
        "Each model has its price, its terms and its data path; a wildcard allows those of tomorrow too.",
        "name the models",
        f"{_UG}security_iam_id-based-policy-examples.html", breadth.wide_model,
    ),
    Rule(
        "BG025", "allow-everything-but", "NotAction or NotResource with Allow", "warning",
        "It grants all that is not named, what AWS adds tomorrow included.",
        "name what is allowed",
        f"{_IAM}reference_policies_elements_notaction.html", breadth.everything_but,
    ),
    Rule(
        "BG027", "condition-key", "Condition key that the action never carries", "error",
        "A key that is never there makes a demanded value refuse every request, and a negated one hold for all.",
        "use a key that the action's row of the table lists",
        _SAR, keys.keys,
        ("INVALID_SERVICE_CONDITION_KEY", "INVALID_GLOBAL_CONDITION_KEY", "INVALID_CONDITION_KEY_FORMAT",
         "UNSUPPORTED_ACTION_FOR_CONDITION_KEY", "MISSING_ACTION_FOR_CONDITION_KEY"),
    ),
    Rule(
        "BG028", "for-all-values", "ForAllValues that holds without the key", "warning",
        "ForAllValues holds where the key is absent. In an Allow that grants what was to be refused.",
        "add a Null condition, or use ForAnyValue",
        f"{_IAM}reference_policies_condition-single-vs-multi-valued-context-keys.html", keys.for_all_values,
        ("FORALLVALUES_WITH_SINGLE_VALUED_KEY",),
    ),
    Rule(
        "BG029", "literal-wildcard", "Wildcard under an operator that takes it literally", "error",
        "StringEquals compares character by character; a `*` in it is a star.",
        "use StringLike",
        f"{_IAM}reference_policies_elements_condition_operators.html", keys.wildcards,
        ("WILDCARD_WITHOUT_LIKE_OPERATOR",),
    ),
    Rule(
        "BG030", "condition-value", "Value that the operator cannot compare", "error",
        "A value of the wrong type never compares equal.",
        "write a value of the operator's type",
        f"{_IAM}reference_policies_elements_condition_operators.html", keys.values,
        ("TYPE_MISMATCH", "TYPE_MISMATCH_BOOLEAN", "TYPE_MISMATCH_DATE", "TYPE_MISMATCH_IP_RANGE",
         "TYPE_MISMATCH_NUMBER", "INVALID_DATE_VALUE"),
    ),
    Rule(
        "BG031", "mfa-no-op", "MFA Deny that access keys pass", "error",
        "aws:MultiFactorAuthPresent is there for temporary credentials only; a plain Bool does not hold without it.",
        "write BoolIfExists",
        f"{_IAM}reference_policies_condition-keys.html", keys.mfa,
    ),
    Rule(
        "BG032", "variable", "Policy variable that is none", "error",
        "Variables are read in Resource and in condition values, in documents of version 2012-10-17.",
        "close the variable, or set the version",
        f"{_IAM}reference_policies_variables.html", keys.variables,
        ("MISSING_BRACE_IN_VARIABLE", "EMPTY_VARIABLE", "VARIABLE_UNSUPPORTED_IN_ELEMENT", "VARIABLE_UNSUPPORTED_IN_VERSION"),
    ),
    Rule(
        "BG033", "sid", "Sid that IAM refuses", "error",
        "A Sid is of letters and digits, and stands once.",
        "rename it",
        f"{_IAM}reference_policies_elements_sid.html", form.sids, ("UNSUPPORTED_SID", "UNIQUE_SIDS_REQUIRED"),
    ),
    Rule(
        "BG034", "version", "Version of 2008", "warning",
        "Without `Version` a document is of 2008-10-17, in which policy variables are literal text.",
        'write "Version": "2012-10-17"',
        f"{_IAM}reference_policies_elements_version.html", form.version, ("MISSING_VERSION",),
    ),
    Rule(
        "BG035", "redundant", "Says the same twice", "note",
        "What is said twice has to be changed twice.",
        "remove it",
        _CHECKS, form.redundant, ("REDUNDANT_ACTION", "REDUNDANT_RESOURCE", "REDUNDANT_STATEMENT"),
    ),
    Rule(
        "BG036", "breaks-rag", "Guardrail Deny that breaks RetrieveAndGenerate", "error",
        "RetrieveAndGenerate and the agents call InvokeModel for you, without the guardrail.",
        "force the guardrail at the account (PutEnforcedGuardrailConfiguration), or keep RAG in another principal",
        f"{_UG}guardrails-permissions-id.html", guardrails.breaks_rag,
    ),
    Rule(
        "BG040", "managed-policy", "AWS-managed policy that is too broad", "warning",
        "AWS's own policies are written for every user of a service, not for one application.",
        "generate the policy of the principal",
        f"{_IAM}access_policies_managed-vs-inline.html", managed.too_broad,
    ),
)  # fmt: skip
"""Every rule, by its id."""

READING_CODES: Sequence[str] = (
    "JSON_SYNTAX_ERROR", "MISSING_STATEMENT", "MISSING_EFFECT", "INVALID_EFFECT", "MISSING_ACTION", "INVALID_VERSION",
    "INVALID_POLICY_ELEMENT", "UNSUPPORTED_ELEMENT_COMBINATION", "DATA_TYPE_MISMATCH", "EMPTY_ARRAY_ACTION",
    "EMPTY_ARRAY_RESOURCE", "EMPTY_ARRAY_CONDITION", "INVALID_CONDITION_OPERATOR", "NULL_WITH_IF_EXISTS", "MISSING_QUALIFIER",
    "INVALID_PRINCIPAL_KEY",
)  # fmt: skip
"""Codes of IAM Access Analyzer for what is not a policy at all: reading it fails, and nothing is linted."""
