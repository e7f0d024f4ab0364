"""What becomes of each resource, from what is declared and what is there. Pure.

What is right already is kept; what is added to a policy stands beside what others have in it; and what would take something
from somebody else is refused unless `replace` is set.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bedrock_gateway.iam.document import Policy, PolicyError
from bedrock_gateway.preflight.deliveries import judge_use
from bedrock_gateway.preflight.trust import Delivery, judge_trust
from bedrock_gateway.setup.logging.declared import DEFAULT_RETENTION_DAYS, OWNED, PUBLIC_ACCESS, flag
from bedrock_gateway.setup.logging.merging import besides, merged, same, with_statements
from bedrock_gateway.setup.resource import KEY_POLICY, LOGGING, Change, Resource

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from bedrock_gateway.setup.logging.declared import Declared
    from bedrock_gateway.setup.logging.reading import Found

__all__ = ["Changes"]


@dataclass(frozen=True, slots=True)
class Changes:
    """See the module."""

    declared: Declared
    found: Found
    known: frozenset[str]
    """Members of ``loggingConfig`` that botocore can send."""
    ours: Collection[tuple[str, ...]]
    """Places of ``loggingConfig`` that set-up led where they lead."""
    replace: bool
    boundary: bool

    def all(self) -> Iterator[Change]:
        """Yield every change, in the order in which they are to be made."""
        if self.declared.log_group:
            if self.boundary:
                yield self._boundary()
            yield self._role()  # before all else: it takes the longest to be known everywhere
            yield self._group(self.declared.log_group)
        if self.declared.key_is_ours and self.found.looked:
            yield self._key_policy(str(self.declared.key))
        for bucket in self.declared.buckets:
            yield self._bucket(bucket)
            yield self._bucket_policy(bucket)
        yield self._logging()

    def _change(self, kind: str, name: str, after: Mapping[str, Any], why: str = "") -> Change:
        """Create, update or keep, whatever the comparison says; refuse what AWS would not take."""
        before = self.found.of(kind, name)
        if large := _too_large(kind, after, before):
            return self._refuse(kind, name, after, large)
        if before is None:
            return Change(Resource(kind, name, after), "create", None, why)
        if same(before, after):
            return Change(Resource(kind, name, before), "keep", before)
        return Change(Resource(kind, name, after), "update", before, why)

    def _refuse(self, kind: str, name: str, after: Mapping[str, Any], why: str) -> Change:
        return Change(Resource(kind, name, after), "refuse", self.found.of(kind, name), why)

    def _boundary(self) -> Change:
        kind, name, declared = "AWS::IAM::ManagedPolicy", self.declared.boundary_name, self.declared
        before = self.found.of(kind, name)
        if before is not None:  # what it allows is an administrator's to say
            return Change(Resource(kind, name, before), "keep", before)
        after = {"ManagedPolicyName": name, "Path": declared.boundary_path}
        return self._change(kind, name, after | {"PolicyDocument": declared.boundary_document.dump()})

    def _group(self, name: str) -> Change:
        kind, before = "AWS::Logs::LogGroup", self.found.of("AWS::Logs::LogGroup", name)
        wanted = self.declared.retention_days
        if before is None:
            days = wanted or DEFAULT_RETENTION_DAYS
            return self._change(kind, name, {"LogGroupName": name, "RetentionInDays": days})
        now: int | None = before.get("RetentionInDays")
        # Kept for ever: an earlier run made it and got no further. After a run that ended, somebody lifted the retention.
        ours = (kind, name) in self.found.unfinished
        kept: int | None = wanted or (DEFAULT_RETENTION_DAYS if now is None and ours else now)
        after = {"LogGroupName": name} | ({"RetentionInDays": kept} if kept else {})
        shorter = kept is not None and (not ours if now is None else kept < now)
        if shorter and not self.replace:
            had = f"{now} days" if now else "for ever"
            why = f"what is in it is kept {had}: {kept} days would delete what is older; --replace does"
            return self._refuse(kind, name, after, why)
        return self._change(kind, name, after)

    # -- the role ----------------------------------------------------------------------------------------------------------

    def _role(self) -> Change:
        kind, declared, name = "AWS::IAM::Role", self.declared, self.declared.role
        before = self.found.of(kind, name)
        own = {"PolicyName": declared.role_policy, "PolicyDocument": declared.documents.permissions.dump()}
        if before is None:
            after = {
                "RoleName": name,
                "Path": declared.role_path,
                "AssumeRolePolicyDocument": declared.documents.trust.dump(),
                "PermissionsBoundary": declared.boundary,
                "Tags": declared.tags,
                "Policies": [own],
            }
            return self._change(kind, name, after)
        if self.found.role_elsewhere:
            why = (
                f"a role of that name is there as {self.found.role_elsewhere}, declared is {declared.scope.logging_role}:"
                " IAM has one role of a name; correct `role` in [logging]"
            )
            return self._refuse(kind, name, {}, why)
        trust, wrong = self._trust(before["AssumeRolePolicyDocument"])
        policies = list(before.get("Policies") or ())
        if self._undelivered(policies) is not None:
            others = {one["PolicyName"]: one for one in policies}
            if under_our_name := others.pop(own["PolicyName"], None):
                there = under_our_name["PolicyDocument"]
                left = {**there, "Statement": besides(there, declared.documents.permissions)}
                own["PolicyDocument"] = with_statements(left, declared.documents.permissions)
            policies = [*others.values(), own]
            wrong = wrong or self._undelivered(policies) or ""
        after = {**before, "AssumeRolePolicyDocument": trust} | ({"Policies": policies} if policies else {})
        if wrong:
            return self._refuse(kind, name, after, wrong)
        return self._change(kind, name, after)

    def _trust(self, there: Mapping[str, Any]) -> tuple[Mapping[str, Any], str]:
        """The trust policy to be, and why Bedrock could not assume the role even so."""
        if judge_trust(there, self.declared.scope).status != "fail":
            return there, ""
        joined = with_statements(there, self.declared.documents.trust)
        verdict = judge_trust(joined, self.declared.scope)
        wrong = f"to add to its trust policy does not mend it: {verdict.summary}"
        return joined, wrong if verdict.status == "fail" else ""

    def _undelivered(self, policies: list[Mapping[str, Any]]) -> str | None:
        """Why the inline policies alone, as far as they can be read, do not let the role write to its stream; None: they do."""
        held = []
        for one in policies:
            with contextlib.suppress(PolicyError):
                held.append(Policy.parse(one["PolicyDocument"]))
        verdict = Delivery(self.declared.scope, self.declared.role_arn).judge(held, None)
        return (
            None if verdict.status in {"pass", "warn"} else f"its policies keep it from delivering: {verdict.summary}"
        )

    # -- buckets -----------------------------------------------------------------------------------------------------------

    def _bucket(self, name: str) -> Change:
        kind, before = "AWS::S3::Bucket", self.found.of("AWS::S3::Bucket", name)
        region, here = self.found.regions.get(name), self.declared.config.region
        if region is not None and region != here:
            why = f"the bucket is in {region}: AWS delivers to buckets of {here} only; name another in [logging]"
            return self._refuse(kind, name, {}, why)
        after = {"BucketName": name, "OwnershipControls": OWNED, "PublicAccessBlockConfiguration": PUBLIC_ACCESS}
        after |= {"BucketEncryption": self.declared.encryption} if self.declared.key else {}
        if before is None:
            return self._change(kind, name, after)
        # Nor does a run that stopped make it ours: a new bucket is closed and without ACLs by itself.
        if not self.replace:
            # Blocking would close what somebody may have opened on purpose, and another key locks others out; the
            # preflight says what is wrong with either (LOG-11, LOG-12).
            left = {"PublicAccessBlockConfiguration", "BucketEncryption"}
            if (kind, name) in self.found.made:  # under which key it is, is ours to say; who opened it since, is not
                left.discard("BucketEncryption")
            after = {one: value for one, value in after.items() if one not in left}
            after |= {one: before[one] for one in left if one in before}
            if not same(before.get("OwnershipControls"), OWNED):
                why = "its ACLs are on, and with them Bedrock may not write: switched off, what they grant ends; --replace does"
                return self._refuse(kind, name, after, why)
        return self._change(kind, name, after)

    def _bucket_policy(self, name: str) -> Change:
        kind, before = "AWS::S3::BucketPolicy", self.found.of("AWS::S3::BucketPolicy", name)
        document = before["PolicyDocument"] if before else None
        why = ""
        for place in self.declared.places:
            if place.bucket != name:
                continue
            wanted = self.declared.bucket_statements(place)
            if document is None or self._may_put(document, wanted) is not None:
                document = with_statements(document, wanted)
            why = why or self._may_put(document, wanted) or ""
        after = {"Bucket": name, "PolicyDocument": document}
        if why:
            return self._refuse(kind, name, after, why)
        return self._change(kind, name, after)

    def _key_policy(self, key: str) -> Change:
        before = self.found.of(KEY_POLICY, key)
        if before is None:
            return self._refuse(KEY_POLICY, key, {}, "there is no such key; correct `key` in [logging]")
        document = before["PolicyDocument"]
        if self._may_encrypt(document) is not None:
            document = with_statements(document, self.declared.key_statements)
        after = {**before, "PolicyDocument": document}
        if why := self._may_encrypt(document):
            return self._refuse(KEY_POLICY, key, after, why)
        return self._change(KEY_POLICY, key, after)

    def _may_encrypt(self, document: Mapping[str, Any]) -> str | None:
        """Why Bedrock may not write under the key; None: it may."""
        verdict = judge_use(document, self.declared.scope, "kms:GenerateDataKey", ["*"], self.declared.key_statements)
        return None if verdict.status in {"pass", "warn"} else f"its policy keeps Bedrock out: {verdict.summary}"

    def _may_put(self, document: Mapping[str, Any], wanted: Policy) -> str | None:
        """Why Bedrock may not write where *wanted* lets it; None: it may."""
        (statement,) = wanted.statements
        (resource,) = statement.resources
        keys = [resource.removesuffix("*") + end for end in _KEYS]
        verdict = judge_use(document, self.declared.scope, "s3:PutObject", keys, wanted)
        return None if verdict.status in {"pass", "warn"} else f"its policy keeps Bedrock out: {verdict.summary}"

    # -- the configuration -------------------------------------------------------------------------------------------------

    def _logging(self) -> Change:
        name, before = self.declared.config.region, self.found.of(LOGGING, self.declared.config.region)
        flags = self.declared.flags(self.known)
        made = merged(before, self.declared.destinations, flags, ours=self.ours, replace=self.replace)
        if made.taken:
            why = (
                f"logs go elsewhere by somebody else's configuration: {'; '.join(made.taken)}; --replace takes it over"
            )
            return self._refuse(LOGGING, name, made.config, why)
        return self._change(LOGGING, name, made.config)

    def _otherwise_encrypted(self, name: str, bucket: Mapping[str, Any] | None) -> bool:
        if not self.declared.key or not bucket or self.replace or ("AWS::S3::Bucket", name) in self.found.made:
            return False
        rules = (bucket.get("BucketEncryption") or {}).get("ServerSideEncryptionConfiguration") or [{}]
        default = rules[0].get("ServerSideEncryptionByDefault") or {}
        return bool(default.get("KMSMasterKeyID") != self.declared.key)

    # -- what is to be known -----------------------------------------------------------------------------------------------

    def notes(self) -> Iterator[str]:
        """Yield what is to be known, one sentence each."""
        if (large := self.declared.scope.large_data_bucket) and not self.declared.log_group:
            yield f"large_data_bucket {large} is not used: it takes large bodies of CloudWatch Logs, and no log_group is declared"
        role = self.found.of("AWS::IAM::Role", self.declared.role)
        if self.declared.log_group and role is None and not self.boundary:
            yield (
                f"the role is made within the permissions boundary {self.declared.boundary}, which an administrator makes"
                " once: `bedrock-gateway setup logging --create-boundary --apply`, or `bedrock-gateway policy boundary`"
            )
        if role is not None and role.get("PermissionsBoundary") != self.declared.boundary:
            limit = self.declared.boundary
            yield f"role {self.declared.role} is not within {limit}: logging-admin may look at it, and not change it"
        for name in self.declared.buckets:
            bucket = self.found.of("AWS::S3::Bucket", name)
            if bucket and not self.replace and not same(bucket.get("PublicAccessBlockConfiguration"), PUBLIC_ACCESS):
                yield f"bucket {name} does not block all public access, and is left so; --replace blocks it"
            if self._otherwise_encrypted(name, bucket):
                yield f"bucket {name} is not encrypted with the declared key, and is left so; --replace changes it"
        if self.declared.key and not (self.declared.key_is_ours and self.found.looked):
            statement = self.declared.key_statements.to_json()
            yield f"whoever owns the key {self.declared.key} adds this to its policy: {statement}"
        there = self.found.of(LOGGING, self.declared.config.region) or {}
        old = (there.get("cloudWatchConfig") or {}).get("roleArn")
        if self.replace and old and old != self.declared.destinations.get("cloudWatchConfig", {}).get("roleArn"):
            yield f"to put back what is replaced takes iam:PassRole on {old}, which logging-admin does not grant"
        used = {flag(one) for one in self.declared.modalities}
        if more := sorted(name for name, on in there.items() if on is True and name not in used and not self.replace):
            yield f"delivered, not declared, and left so: {', '.join(more)}; --replace switches it off"


_LIMITS: Mapping[str, tuple[int, str]] = {
    "AWS::IAM::Role": (10_240, "inline policies of a role"),
    "AWS::S3::BucketPolicy": (20_480, "a bucket policy"),
    KEY_POLICY: (32_768, "a key policy"),
}
"""Kind → how many bytes AWS takes at most of its policies, and of what.

Source: IAM User Guide, reference_iam-quotas; S3 User Guide, bucket-policies; KMS Developer Guide, resource-limits. How long a
trust policy may be is the account's own quota: AWS says it, before anything else was changed.
"""


def _too_large(kind: str, after: Mapping[str, Any], before: Mapping[str, Any] | None) -> str:
    """Why AWS would not take it beside what others have there; empty: it would."""
    if kind not in _LIMITS or before is None or same(before, after):
        return ""
    most, what = _LIMITS[kind]
    documents = after.get("Policies", ()) if kind == "AWS::IAM::Role" else (after,)
    size = sum(len(json.dumps(one["PolicyDocument"], separators=(",", ":"))) for one in documents)
    return f"with ours it is {size:,} bytes, AWS takes {most:,} of {what}: make room first" if size > most else ""


_KEYS = ("us-east-1/2026/01/01/00/x.json.gz", "us-east-1/2026/01/01/00/data/x.json.gz")
"""Ends of a log file and of a large body."""
