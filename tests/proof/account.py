"""One account of a local Bedrock over HTTP, and a role in it that can be given one policy after the other.

Everything is bare boto3: root makes what has to be there, the role `prover` is what is proven.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import boto3
import botocore
import pytest
from botocore import xform_name
from botocore.config import Config
from botocore.exceptions import ClientError

from bedrock_gateway.iam import roles
from bedrock_gateway.iam.boundary import boundary
from bedrock_gateway.local.app import handlers
from bedrock_gateway.local.demands.facts import AccountFacts
from bedrock_gateway.local.guardrails.store import DRAFT, Edition, EnforcedGuardrail, Guardrail, Guardrails
from bedrock_gateway.local.knowledge.store import KnowledgeStore

from .kinds import KEY, KINDS, OPTIONS
from .paper import facts
from .setting import Call, Setting, calls_of
from .stories import STORIES, model_arn, storage, vector_base

if TYPE_CHECKING:
    from bedrock_gateway.local import LocalBedrock

__all__ = ["Account", "Outcome"]

NEEDS_NOTHING = frozenset(
    {"invoke", "invoke-stream", "converse", "converse-stream", "embed", "count-tokens", "rerank", "guardrail-apply"}
    | {"guardrail-admin", "model-catalog", "model-access", "preflight-minimal", "batch"}
)
"""Capabilities that are proven in an empty account."""

ONCE = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"})
TRUST_PROVER = {
    "Effect": "Allow",
    "Principal": {"AWS": "arn:aws:iam::123456789012:user/person"},
    "Action": "sts:AssumeRole",
}
TEXT = b"Everybody has twenty-five days of leave a year. Leave is asked for two weeks ahead."


def document(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


@dataclass(frozen=True)
class Outcome:
    """How a call ended."""

    code: str = ""
    """Error code; empty where it succeeded."""
    message: str = ""
    reply: Any = None

    @property
    def denied(self) -> bool:
        """Whether IAM refused the prover; a service that lacks rights of its own says something else."""
        # The answer to a HEAD has no body that could say more.
        named = self.code in {"AccessDenied", "AccessDeniedException"} and ":assumed-role/prover/" in self.message
        return named or self.code == "403"

    @property
    def unserved(self) -> bool:
        """Whether the local Bedrock says that it does not do this, or does not have what it is asked for."""
        return self.code in {"NotImplemented", "NotImplementedException", "ValidationException"}


@dataclass
class Account:
    """See the module."""

    local: LocalBedrock
    endpoint: str
    root: boto3.Session = field(init=False)
    prover: boto3.Session = field(init=False)
    _clients: dict[tuple[str, str, str], Any] = field(default_factory=dict)
    _settings: dict[str, Setting] = field(default_factory=dict)
    _keys: dict[str, str] = field(default_factory=dict)
    _made: int = 0

    def __post_init__(self) -> None:
        self.root = boto3.Session(*self.local.root_credentials)
        iam = self.client("iam", who="root")
        iam.create_user(UserName="person")
        allow = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"}
        iam.put_user_policy(UserName="person", PolicyName="assume", PolicyDocument=document(allow))
        key = iam.create_access_key(UserName="person")["AccessKey"]
        iam.create_role(RoleName="prover", AssumeRolePolicyDocument=document(TRUST_PROVER))
        person = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"])
        sts = person.client("sts", region_name="us-east-1", endpoint_url=self.endpoint, config=ONCE)
        given = sts.assume_role(RoleArn="arn:aws:iam::123456789012:role/prover", RoleSessionName="proof")["Credentials"]
        self.prover = boto3.Session(given["AccessKeyId"], given["SecretAccessKey"], given["SessionToken"])

    def client(self, service: str, region: str = "us-east-1", *, who: str = "prover") -> Any:
        key = who, service, region
        if key not in self._clients:
            session: boto3.Session = getattr(self, who)
            made = session.client(service, region_name=region, endpoint_url=self.endpoint, config=ONCE)
            self._clients[key] = made
        return self._clients[key]

    def unique(self, stem: str) -> str:
        self._made += 1
        return f"{stem}-{self._made}"

    def believes(self, s: Setting) -> Setting:
        """Let the judge know what the setting says exists, and nothing else of that kind."""
        told, known = facts(s), self.local.state.of(AccountFacts)
        for one in fields(AccountFacts):
            setattr(known, one.name, getattr(told, one.name))
        return s

    def case(self, capability: str, kind: str, option: str = "") -> Setting:
        """A place for one row of the matrix, in which everything that the row speaks of is there."""
        one = KINDS[kind]
        bare = capability in NEEDS_NOTHING and not option
        s = self.place(one.region) if bare else self.fresh(capability, self.setting(one.region))
        s = one.applied(s, capability)
        if s.is_application_profile:
            s = replace(s, model=self.application_profile(s))
        values = dict(OPTIONS[option].values) if option else {}
        if s.logging_key:
            values["logging_key"] = KEY
        s = replace(s, **{name: self._real(value, s.region) for name, value in values.items()})
        self._guardrails(s, enforced=capability != "guardrail-admin")
        return self.believes(s)

    def _guardrails(self, s: Setting, *, enforced: bool) -> None:
        """The guardrails that the setting names, under the ids it gives them, and none besides."""
        store, state = self.local.state.of(Guardrails), self.local.state
        store.by_arn.clear()
        for region in list(store.enforced):
            store.enforce(state, region, None)
        profile = f"{s.guardrail_profile}.guardrail.v1:0" if s.guardrail_profile else None
        words = {"wordPolicy": {"words": [{"text": "unsayable"}]}}
        for identifier in filter(None, (s.guardrail[0] if s.guardrail else "abcdefghij12", s.enforced_guardrail)):
            said = Edition(f"of-root-{identifier}", None, "No.", "No.", words, profile, s.guardrail_key)
            arn = s.arn("bedrock", f"guardrail/{identifier}")
            editions = dict.fromkeys((DRAFT, "1", "2", "3"), said)
            store.add(state, Guardrail(identifier, arn, s.region, editions, last_version=3))
            if identifier == s.enforced_guardrail and enforced:
                everywhere = {"system": "COMPREHENSIVE", "messages": "COMPREHENSIVE"}
                who = f"arn:aws:iam::{s.account}:root"
                store.enforce(state, s.region, EnforcedGuardrail("proof", arn, "1", everywhere, None, who, who))

    def _real(self, value: Any, region: str) -> Any:
        """A key has to exist for its policy to be asked; everything else that an option names is taken at its word."""
        return self.key(region) if value == KEY else value

    def key(self, region: str) -> str:
        """A KMS key under the policy that KMS gives by default: the account's identity policies decide."""
        if region not in self._keys:
            made = self.client("kms", region, who="root").create_key()
            self._keys[region] = str(made["KeyMetadata"]["Arn"])
        return self._keys[region]

    def application_profile(self, s: Setting) -> str:
        """An application profile over what the setting says is behind it."""
        (behind,) = s.behind
        made = self.client("bedrock", s.region, who="root").create_inference_profile(
            inferenceProfileName=self.unique("proof"), modelSource={"copyFrom": model_arn(s, behind)}
        )
        return str(made["inferenceProfileArn"])

    def serves(self, call: Call) -> bool:
        """Whether the local Bedrock does what *call* asks for; moto answers for all services but Bedrock's."""
        if not call.service.startswith("bedrock"):
            return not call.unserved
        return not call.unserved and (call.service, call.operation) in handlers()

    def grant(self, policy: dict[str, Any]) -> None:
        """Give the prover exactly *policy*; its session feels it at once."""
        iam, name = self.client("iam", who="root"), {"RoleName": "prover", "PolicyName": "generated"}
        if policy["Statement"]:
            iam.put_role_policy(**name, PolicyDocument=json.dumps(policy))
        elif iam.list_role_policies(RoleName="prover")["PolicyNames"]:
            iam.delete_role_policy(**name)

    def perform(self, call: Call, region: str) -> Outcome:
        """Make a call as the prover, and read a stream to its end."""
        client = self.client(call.service, call.region or region)
        known = client.meta.service_model
        shape = known.operation_model(call.operation).input_shape if call.operation in known.operation_names else None
        if call.operation not in known.operation_names or (shape and set(call.params) - set(shape.members)):
            pytest.skip(f"botocore {botocore.__version__} does not know {call} with {', '.join(call.params)}")
        try:
            reply = getattr(client, xform_name(call.operation))(**call.params)
        except ClientError as error:
            return Outcome(error.response["Error"]["Code"], error.response["Error"]["Message"])
        for name in ("body", "stream", "Body"):
            if hasattr(reply.get(name), "close"):
                list(reply[name]) if name != "Body" else reply[name].read()
        return Outcome(reply=reply)

    # -- what has to be there ----------------------------------------------------------------------------------------

    def place(self, region: str = "us-east-1") -> Setting:
        """A place in *region* in which nothing is there: enough for calling models."""
        return _named(region)

    def setting(self, region: str = "us-east-1") -> Setting:
        """A place in *region* in which everything is there: roles, buckets, an index, a filled knowledge base."""
        if region not in self._settings:
            self._settings[region] = self._furnish(_named(region))
        return self._settings[region]

    def _furnish(self, s: Setting) -> Setting:
        self._bucket(s.logging_bucket, s.region)
        self._bucket(s.document_bucket, s.region)
        self._boundary(s)
        self.kb_role(s, s.kb_role)
        self.logging_role(s)
        self.client("logs", s.region, who="root").create_log_group(logGroupName=s.log_group)
        self.index(s)
        self._others_collection(s)
        self.client("s3", s.region, who="root").put_object(
            Bucket=s.document_bucket, Key=f"{s.prefix}rules.txt", Body=TEXT
        )
        return self.knowledge_base(s)

    def _unlinked(self) -> None:
        """No service-linked role of OpenSearch Serverless: the first collection makes it, which is a right of its own."""
        iam = self.client("iam", who="root")
        for role in iam.list_roles(PathPrefix="/aws-service-role/observability.aoss")["Roles"]:
            iam.delete_role(RoleName=role["RoleName"])

    def _others_collection(self, s: Setting) -> None:
        """Somebody else's policies: what a policy of another collection is about is known only if there is one."""
        other = replace(s, collection="other-collection", mark="helpdesk/other")
        for call in calls_of(STORIES["kb-provision"](other)):
            if call.service == "opensearchserverless" and call.operation.startswith(("CreateSec", "CreateAcc")):
                client = self.client(call.service, s.region, who="root")
                getattr(client, xform_name(call.operation))(**call.params)

    def _boundary(self, s: Setting) -> Setting:
        path, _, name = s.boundary.rpartition("/")
        self.client("iam", who="root").create_policy(
            PolicyName=name, Path=f"/{path}/", PolicyDocument=boundary(s.scope()).to_json()
        )
        return s

    def _bucket(self, name: str, region: str) -> None:
        where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
        self.client("s3", region, who="root").create_bucket(Bucket=name, **where)

    def _role(self, s: Setting, role: str, documents: roles.RoleDocuments) -> str:
        path, _, name = role.rpartition("/")
        iam = self.client("iam", who="root")
        made = iam.create_role(
            RoleName=name,
            Path=f"/{path}/" if path else "/",
            AssumeRolePolicyDocument=documents.trust.to_json(),
            PermissionsBoundary=s.boundary_arn,
        )
        iam.put_role_policy(RoleName=name, PolicyName="deliver", PolicyDocument=documents.permissions.to_json())
        return str(made["Role"]["Arn"])

    def kb_role(self, s: Setting, role: str) -> str:
        """The role as it has to be before the id of its knowledge base is known."""
        return self._role(s, role, roles.kb_role(replace(s, knowledge_base=None).scope()))

    def logging_role(self, s: Setting) -> str:
        return self._role(s, s.logging_role, roles.logging_role(s.scope()))

    def index(self, s: Setting) -> None:
        vectors = self.client("s3vectors", s.region, who="root")
        vectors.create_vector_bucket(vectorBucketName=s.vector_bucket)
        vectors.create_index(
            vectorBucketName=s.vector_bucket,
            indexName=s.vector_index,
            dataType="float32",
            dimension=1024,
            distanceMetric="cosine",
            metadataConfiguration={"nonFilterableMetadataKeys": ["AMAZON_BEDROCK_TEXT", "AMAZON_BEDROCK_METADATA"]},
        )

    def knowledge_base(self, s: Setting) -> Setting:
        """A knowledge base of root's, filled, under a role of its own: an update to the setting's role passes it."""
        self._made += 1
        agent = self.client("bedrock-agent", s.region, who="root")
        made = agent.create_knowledge_base(
            name=f"of-root-{self._made}",
            roleArn=self.kb_role(s, f"bedrock-gateway/AmazonBedrockGateway-kb-of-root-{self._made}"),
            knowledgeBaseConfiguration=vector_base(s),
            storageConfiguration=storage(s),
        )["knowledgeBase"]["knowledgeBaseId"]
        where = {"bucketArn": f"arn:aws:s3:::{s.document_bucket}", "inclusionPrefixes": [s.prefix]}
        source = agent.create_data_source(
            knowledgeBaseId=made,
            name="documents",
            dataSourceConfiguration={"type": "S3", "s3Configuration": where},
        )["dataSource"]["dataSourceId"]
        ready = replace(s, knowledge_base=made, data_source=source)
        assert self.ingested(ready)["status"] == "COMPLETE"
        return ready

    def ingested(self, s: Setting) -> dict[str, Any]:
        """Run an ingestion job as root to its end."""
        agent = self.client("bedrock-agent", s.region, who="root")
        where = {"knowledgeBaseId": s.knowledge_base, "dataSourceId": s.data_source}
        started = agent.start_ingestion_job(**where)["ingestionJob"]["ingestionJobId"]
        bases = self.local.state.of(KnowledgeStore).bases
        assert bases[s.region, str(s.knowledge_base)].sources[s.data_source].jobs[started].ended.wait(30)
        job: dict[str, Any] = agent.get_ingestion_job(**where, ingestionJobId=started)["ingestionJob"]
        return job

    def fresh(self, capability: str, s: Setting) -> Setting:
        """The same place, with names of its own for what the capability makes."""
        self._made += 1
        number = self._made
        if capability == "kb-create":
            return self.knowledge_base(s)
        bound = f"bedrock-gateway/AmazonBedrockGateway-boundary-{number}"
        if capability == "kb-provision":
            role = f"bedrock-gateway/AmazonBedrockGateway-kb-new-{number}"
            index = {"vector_bucket": f"example-new-{number}", "vector_index": "new"}
            self._unlinked()
            return self._boundary(replace(s, boundary=bound, kb_role=role, **index))
        if capability == "logging-admin":
            role = f"AmazonBedrockGateway-logging-new-{number}"
            return self._boundary(replace(s, boundary=bound, logging_role=role, log_group=f"/new/{number}"))
        if capability in {"principal-provision", "group-members", "access-keys"}:
            return self.principals(s, number, exist=capability != "principal-provision")
        return s

    def principals(self, s: Setting, number: int, *, exist: bool) -> Setting:
        """Names of principals that nobody has; *exist*: their group and user are there, the user with our tag."""
        names = {
            f"principal_{kind}": f"bedrock-gateway/proof-{kind}-{number}"
            for kind in ("role", "group", "user", "boundary")
        }
        names["principal_instance"] = names["principal_role"]
        ready, iam = replace(s, **names), self.client("iam", who="root")
        path, _, name = ready.principal_boundary.rpartition("/")
        everything = document({"Effect": "Allow", "Action": "*", "Resource": "*"})
        iam.create_policy(PolicyName=name, Path=f"/{path}/", PolicyDocument=everything)
        if exist:
            mark = [{"Key": "bedrock-gateway", "Value": "helpdesk/app"}]
            iam.create_group(GroupName=ready.principal_group.rpartition("/")[2], Path="/bedrock-gateway/")
            iam.create_user(UserName=ready.principal_user.rpartition("/")[2], Path="/bedrock-gateway/", Tags=mark)
        return ready


def _named(region: str) -> Setting:
    """Buckets and roles have no Region: they carry it in their name."""
    return Setting(
        region=region,
        kb_role=f"bedrock-gateway/AmazonBedrockGateway-kb-{region}",
        logging_role=f"AmazonBedrockGateway-logging-{region}",
        boundary=f"bedrock-gateway/AmazonBedrockGateway-boundary-{region}",
        logging_bucket=f"example-logs-{region}",
        document_bucket=f"example-handbook-{region}",
        vector_bucket=f"example-vectors-{region}",
    )
