"""Where the independent judge departs from AWS's documentation, or from what AWS's own policies show.

Each row names the page that decides, and rewrites a statement into one that the documented reading reads as the judge
reads the original. A difference is explained only if the rewritten statement gives the judge's own answer, so a row
cannot hide a fault of ours beside it. A row that no longer changes anything is found by the test.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bedrock_gateway.iam.patterns import Folded, Variable, Wild, fold, lookup, matches, tokens

if TYPE_CHECKING:
    from bedrock_gateway.iam.document import Statement
    from bedrock_gateway.iam.matching import AccessRequest

__all__ = ["KNOWN", "LAYERING", "SERVICES_BOUND", "SESSION_LIMITS", "Known", "Reading", "as_the_judge_reads"]

VARIABLES_PAGE = "IAM User Guide, reference_policies_variables (Policy variables with no value)"
OPERATORS_PAGE = "IAM User Guide, reference_policies_elements_condition_operators"
SETS_PAGE = "IAM User Guide, reference_policies_condition-single-vs-multi-valued-context-keys"
_NOTHING = "arn:aws:none:::none"


@dataclass(frozen=True, slots=True)
class Reading:
    """A statement before a request."""

    statement: Statement
    version: str
    layer: str
    request: AccessRequest
    never: bool = False
    """The judge takes the statement for one that never applies."""

    @property
    def context(self) -> Folded:
        """The request's context, folded."""
        return fold(self.request.context)


@dataclass(frozen=True, slots=True)
class Known:
    """One known difference."""

    id: str
    theirs: str
    """What the judge does."""
    source: str
    """What decides against it, or that nothing does and we refuse it."""
    read: Callable[[Reading], Reading]


def _clauses(
    reading: Reading, change: Callable[[str, str, tuple[str, ...]], tuple[str, tuple[str, ...]] | None]
) -> Reading:
    """Change every clause; *change* returns the operator and values to put there.

    No operator takes the clause out; None: the statement never applies.
    """
    block: list[tuple[str, tuple[tuple[str, tuple[str, ...]], ...]]] = []
    for operator, keys in reading.statement.conditions:
        for key, values in keys:
            changed = change(operator, key, values)
            if changed is None:
                return replace(reading, never=True)
            if changed[0]:
                block.append((changed[0], ((key, changed[1]),)))
    return replace(reading, statement=replace(reading.statement, conditions=tuple(block)))


def _bare(operator: str) -> str:
    return operator.rpartition(":")[2].removesuffix("IfExists")


def _negated(operator: str) -> bool:
    return "Not" in _bare(operator)


def _resources(reading: Reading, change: Callable[[str], str]) -> Reading:
    one = reading.statement
    return replace(
        reading,
        statement=replace(
            one, resources=tuple(map(change, one.resources)), not_resources=tuple(map(change, one.not_resources))
        ),
    )


def _version(reading: Reading) -> Reading:
    return replace(reading, version="2012-10-17")


def _every_address(reading: Reading) -> Reading:
    def change(operator: str, _key: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        return operator, tuple("0.0.0.0/32" if value == "0.0.0.0/0" else value for value in values)

    return _clauses(reading, change)


def _any_if_exists(reading: Reading) -> Reading:
    def change(operator: str, _key: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        return (operator.removesuffix("IfExists") if operator.startswith("ForAnyValue:") else operator), values

    return _clauses(reading, change)


def _type_part(pattern: str) -> str:
    """The literal type part of an ARN, as the judge sees one; empty where it sees none."""
    parts = pattern.split(":", 5)
    if len(parts) < 6 or parts[2:5] == ["s3", "", ""]:
        return ""
    found = re.match(r"[^/:]*[/:]", parts[5])
    return found[0] if found else ""


def _wild_type(reading: Reading) -> Reading:
    def change(pattern: str) -> str:
        return _NOTHING if re.search(r"[*?]|\$\{", _type_part(pattern)) else pattern

    return _resources(reading, change)


def _variables(text: str) -> list[Variable]:
    return [one for one in tokens(text, variables=True) if isinstance(one, Variable)]


def _missing(text: str, context: Folded) -> bool:
    return any(one.default is None and one.name not in context for one in _variables(text))


Resolve = Callable[[Variable], str | None]
"""What the judge puts in for a variable that we take otherwise; None: nothing, and the text matches nothing."""


def _resolved(text: str, resolve: Resolve) -> str | None:
    """*text* with every variable as the judge takes it, every character of a value itself."""
    out = ""
    for one in tokens(text, variables=True):
        if isinstance(one, Wild):
            out += one.value
            continue
        value = resolve(one) if isinstance(one, Variable) else one
        if value is None:
            return None
        out += re.sub(r"[*?$]", r"${\g<0>}", value)
    return out


def _with_variables(reading: Reading, concerns: Callable[[Variable], bool], resolve: Resolve) -> Reading:
    """Rewrite every text that has a variable which the row *concerns*."""

    def odd(text: str) -> bool:
        return any(map(concerns, _variables(text)))

    def in_clause(operator: str, key: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        if not any(map(odd, values)):
            return operator, values
        read = [_resolved(value, resolve) if odd(value) else value for value in values]
        if None in read and _negated(operator) and lookup(reading.context, key) is not None:
            return None
        return operator, tuple(value for value in read if value is not None) or (_NOTHING,)

    def in_resource(pattern: str) -> str:
        return (_resolved(pattern, resolve) or _NOTHING) if odd(pattern) else pattern

    never = any(odd(one) and _resolved(one, resolve) is None for one in reading.statement.not_resources)
    changed = _resources(_clauses(reading, in_clause), in_resource)
    return replace(changed, never=changed.never or never)


def _odd_variables(reading: Reading) -> Reading:
    context = reading.context

    def concerns(one: Variable) -> bool:
        return one.name in context and (len(context[one.name]) > 1 or not context[one.name][0])

    def resolve(one: Variable) -> str | None:
        values = context.get(one.name, ())
        if len(values) == 1:
            return values[0] or one.default or _NOTHING  # an empty value leaves the variable's own text, and no error
        return one.default or None

    return _with_variables(reading, concerns, resolve)


def _incomplete_elsewhere(reading: Reading) -> Reading:
    """An incomplete ARN without a final star in a layer in which AWS does not say that it is completed."""

    def change(pattern: str) -> str:
        short = pattern.startswith("arn:") and pattern.count(":") < 5 and not pattern.endswith("*")
        if not short or reading.layer in {"identity", "boundary"}:
            return pattern
        return f"{pattern}:*" if reading.layer == "session" else _NOTHING

    rejected = reading.layer == "scp" and any(change(one) != one for one in reading.statement.not_resources)
    changed = _resources(reading, change)
    return replace(changed, never=changed.never or rejected)


def _unresolved_not_resource(reading: Reading) -> Reading:
    unresolved = any(_missing(pattern, reading.context) for pattern in reading.statement.not_resources)
    return replace(reading, never=reading.never or unresolved)


def _unresolved_negated(reading: Reading) -> Reading:
    def change(operator: str, key: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        given = lookup(reading.context, key)
        if given is None or not _negated(operator) or not any(_missing(value, reading.context) for value in values):
            return operator, values
        if operator.startswith("ForAllValues:") and not given:
            return operator, values
        return None

    return _clauses(reading, change)


def _lists(reading: Reading) -> Reading:
    """The judge tells a list of one value from a value."""
    listed = {key.casefold() for key, value in reading.request.context.items() if not isinstance(value, str)}

    def change(operator: str, key: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        plain = ":" not in operator and operator != "Null"
        return None if plain and key.casefold() in listed else (operator, values)

    def resolve(one: Variable) -> str | None:
        values = reading.context.get(one.name, ())
        return (values[0] if values and one.name not in listed else one.default) or None

    changed = _with_variables(reading, lambda one: one.name in listed, resolve)
    return _clauses(changed, change)


def _empty_in_set(reading: Reading) -> Reading:
    """ForAllValues and ForAnyValue on nothing but an empty text: the judge compares it."""

    def change(operator: str, key: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        given = lookup(reading.context, key)
        if ":" not in operator or given is None or any(given):
            return operator, values
        found = any(_plainly(_bare(operator), value, reading.context) for value in values)
        return ("", ()) if found is not _negated(operator) else None

    return _clauses(reading, change)


def _null_on_empty(reading: Reading) -> Reading:
    def change(operator: str, key: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        given = lookup(reading.context, key)
        if operator != "Null" or given is None or any(given):
            return operator, values
        return ("", ()) if "false" in values else None

    return _clauses(reading, change)


def _plainly(bare: str, value: str, context: Folded) -> bool:
    """Whether a policy's text matches the empty text."""
    if _missing(value, context):
        return False
    read = tokens(value, variables=True)
    if "Like" in bare:
        return all(one is Wild.RUN for one in read)
    return not read


def _short_not_resource(reading: Reading) -> Reading:
    """NotResource with an incomplete ARN that does not match: the judge lets the statement never apply."""
    short = (one for one in reading.statement.not_resources if one.startswith("arn:") and one.count(":") < 5)
    return replace(
        reading,
        never=reading.never or any(not matches(f"{one.rstrip('*:')}:*", reading.request.resource) for one in short),
    )


def _single_address(reading: Reading) -> Reading:
    """An address without a prefix under NotIpAddress, and a request of the other family."""

    def change(operator: str, key: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
        given = lookup(reading.context, key)
        if given is None or _bare(operator) != "NotIpAddress":
            return operator, values
        other = any("/" not in value and (":" in value) is not (":" in given[0]) for value in values)
        return None if other else (operator, values)

    return _clauses(reading, change)


def _epochs(reading: Reading) -> Reading:
    """Seconds since 1970 are read as milliseconds, and so come before every date that is written out."""

    def written(text: str) -> str:
        if not text.isdigit():
            return text
        return datetime.fromtimestamp(int(text) / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def change(operator: str, _key: str, values: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
        return operator, tuple(map(written, values)) if "Date" in operator else values

    context = {
        key: written(value) if key in {"aws:CurrentTime", "aws:TokenIssueTime"} and isinstance(value, str) else value
        for key, value in reading.request.context.items()
    }
    return replace(_clauses(reading, change), request=replace(reading.request, context=context))


KNOWN: Sequence[Known] = (
    Known(
        "version-ignored",
        "reads variables in documents of version 2008-10-17, too",
        "IAM User Guide, reference_policies_elements_version",
        _version,
    ),
    Known(
        "wildcard-in-type",
        "a wildcard or variable before the first / or : of an ARN's resource is a character",
        "AWS managed policies rely on it: AWSWAFFullAccess has arn:aws:wafv2:*:*:*/webacl/*/*",
        _wild_type,
    ),
    Known(
        "odd-variable",
        "takes the default, or nothing, for a variable whose key has several values or an empty one",
        "not documented: we refuse it",
        _odd_variables,
    ),
    Known(
        "incomplete-elsewhere",
        "completes an incomplete ARN in session policies, and lets it match nothing in resource-based and service control policies",
        "reference-arns speaks of identity-based policies only, and refuses it in session policies: we refuse it",
        _incomplete_elsewhere,
    ),
    Known("every-address", "0.0.0.0/0 holds 0.0.0.0 alone (shift by 32)", OPERATORS_PAGE, _every_address),
    Known(
        "for-any-value-if-exists",
        "ForAnyValue:…IfExists does not hold where the key is absent",
        f"{OPERATORS_PAGE} (IfExists: any operator but Null)",
        _any_if_exists,
    ),
    Known(
        "unresolved-in-not-resource",
        "NotResource with a variable without a value never applies",
        f"{VARIABLES_PAGE}: such a resource matches nothing",
        _unresolved_not_resource,
    ),
    Known(
        "unresolved-negated",
        "a negated operator with a variable without a value does not hold",
        f"{VARIABLES_PAGE}: negated operators do match",
        _unresolved_negated,
    ),
    Known(
        "list-of-one",
        "a key whose list has one value fails every operator without ForAllValues or ForAnyValue",
        f"{SETS_PAGE}: what counts is the number of values in the request",
        _lists,
    ),
    Known(
        "empty-set",
        "an empty text under ForAllValues or ForAnyValue is compared",
        f"{OPERATORS_PAGE} (Multivalued ARN condition operators: an empty text is a null dataset)",
        _empty_in_set,
    ),
    Known(
        "null-on-empty", "a key with an empty value is there for Null", "not documented: we refuse it", _null_on_empty
    ),
    Known(
        "incomplete-not-resource",
        "NotResource with an incomplete ARN that does not match never applies",
        "IAM User Guide, reference-arns: an incomplete ARN is completed with stars",
        _short_not_resource,
    ),
    Known(
        "bare-address-of-other-family",
        "NotIpAddress with an address without prefix does not hold for a request of the other family",
        f"{OPERATORS_PAGE}: all addresses except the listed; without a prefix it is /32",
        _single_address,
    ),
    Known("epoch-milliseconds", "takes epoch seconds for milliseconds", f"{OPERATORS_PAGE} (Date)", _epochs),
)
"""Read in this order."""

SESSION_LIMITS = Known(
    "session-always-limits",
    "a session policy without an Allow denies what the resource policy grants to the session itself or to everybody",
    "IAM User Guide, reference_policies_evaluation-logic_policy-eval-denyallow (session as principal)",
    lambda reading: reading,
)
SERVICES_BOUND = Known(
    "services-bound",
    "lets service control policies bind service principals",
    "AWS Organizations User Guide, orgs_manage_policies_scps: they affect users and roles of the member accounts only",
    lambda reading: reading,
)
LAYERING = (SESSION_LIMITS, SERVICES_BOUND)
"""Differences in how layers are put together; `compare` knows what they do."""


def as_the_judge_reads(reading: Reading) -> tuple[Reading, tuple[Known, ...]]:
    """Return *reading* with every row applied, and the rows that changed something."""
    changed: list[Known] = []
    for row in KNOWN:
        after = row.read(reading)
        if _flat(after) != _flat(reading):
            changed.append(row)
        reading = after
    return reading, tuple(changed)


def _flat(reading: Reading) -> object:
    """*reading* without the form of its block: clauses may have been taken apart."""
    block = [(operator, key, values) for operator, keys in reading.statement.conditions for key, values in keys]
    return replace(reading, statement=replace(reading.statement, conditions=())), block
