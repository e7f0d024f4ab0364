"""What a capability is applied to, and the calls it is made of: values, without a word of what IAM needs for them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from bedrock_gateway.capabilities import Scope

__all__ = ["Call", "Setting", "Story", "Unknown", "bare", "calls_of", "play"]

GEOGRAPHIES = ("us-gov", "us", "eu", "apac", "jp", "au", "ca", "in", "global")


def bare(model: str) -> str:
    """The foundation model behind a profile id."""
    prefix, _, rest = model.partition(".")
    return rest if prefix in GEOGRAPHIES else model


@dataclass(frozen=True)
class Call:
    """One call of an AWS operation, by botocore's names."""

    service: str
    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)
    unserved: bool = False
    """Whether it asks for something that the local Bedrock does not do, so that all it can show is that IAM lets it pass."""
    also: frozenset[str] = frozenset()
    """Error codes that are an honest end of this call too: what is asked for need not exist."""
    region: str | None = None
    """None: the setting's."""

    def __str__(self) -> str:
        return f"{self.service}:{self.operation}"


Story = Generator[Call, Any, None]
"""Calls in an order in which they succeed; each is sent its reply."""


class Unknown:
    """A reply, or any member of it, where nobody answers."""

    def __getitem__(self, _: object) -> Unknown:
        return self

    def __str__(self) -> str:
        return "UNKNOWN123"


@dataclass(frozen=True)
class Setting:
    """One place to apply a capability to. Two settings that differ in one field are *closed* against each other."""

    region: str = "us-east-1"
    model: str = "amazon.nova-lite-v1:0"
    account: str = "123456789012"
    partition: str = "aws"
    knowledge_base: str | None = "KB12345678"
    """None: AWS has not assigned one yet."""
    data_source: str = "DS12345678"
    kb_role: str = "bedrock-gateway/AmazonBedrockGateway-kb-handbook"
    logging_role: str = "AmazonBedrockGateway-logging"
    boundary: str = "bedrock-gateway/AmazonBedrockGateway-boundary"
    log_group: str = "/bedrock/invocations"
    logging_bucket: str = "example-logs"
    logging_key: str | None = None
    """Of the bucket or the log group that logs go to."""
    document_bucket: str = "example-handbook"
    prefix: str = "handbook/"
    vector_bucket: str = "example-vectors"
    vector_index: str = "handbook"
    collection: str | None = None
    """OpenSearch Serverless collection that is made too."""
    collection_arn: str | None = None
    """Of a collection that is there, and that a knowledge base stands on."""
    mark: str = "helpdesk/handbook"
    """Value of the tag on it."""
    embedding_model: str = "amazon.titan-embed-text-v2:0"
    behind: tuple[str, ...] = ()
    """What an application profile or a prompt router, given as the model, stands for."""
    reranker: str | None = None
    batch_role: str = "bedrock-gateway/AmazonBedrockGateway-batch"
    guardrail: tuple[str, str] | None = None
    require_guardrail: bool = False
    guardrail_profile: str | None = None
    guardrail_key: str | None = None
    enforced_guardrail: str | None = None
    document_key: str | None = None
    knowledge_base_key: str | None = None
    store_secret: str | None = None
    """Of a vector store outside AWS."""
    tagging: bool = False
    principal_role: str = "bedrock-gateway/AmazonBedrockGateway-principal-app"
    principal_instance: str = "bedrock-gateway/AmazonBedrockGateway-principal-app"
    principal_group: str = "bedrock-gateway/AmazonBedrockGateway-principal-people"
    principal_user: str = "bedrock-gateway/alice"
    principal_boundary: str = "bedrock-gateway/AmazonBedrockGateway-principals"
    product: str | None = None
    """AWS Marketplace product that the model is, and that nobody has subscribed to yet."""

    def scope(self) -> Scope:
        """The same as the generator's input."""
        return Scope(
            region=self.region,
            account=self.account,
            partition=self.partition,
            models=(self.model,),
            knowledge_bases=(self.knowledge_base,) if self.knowledge_base else (),
            knowledge_base_roles=(self.kb_role,),
            logging_role=self.logging_role,
            boundary=self.boundary,
            log_group=self.log_group,
            logging_bucket=self.logging_bucket,
            logging_key=self.logging_key,
            documents=((self.document_bucket, self.prefix),),
            answer_documents=((self.document_bucket, self.prefix),),
            vector_indexes=((self.vector_bucket, self.vector_index),),
            collections=((self.collection, self.mark),) if self.collection else (),
            embedding_models=(self.embedding_model,),
            role_parts=self.role_parts,
            wraps=((self.model, self.behind),) if self.behind else (),
            rerankers=(self.reranker,) if self.reranker else (),
            batch_role=self.batch_role,
            guardrail=self.guardrail,
            require_guardrail=self.require_guardrail,
            guardrail_profile=self.guardrail_profile,
            guardrail_key=self.guardrail_key,
            enforced_guardrails=(self.enforced_guardrail,) if self.enforced_guardrail else (),
            document_keys=(self.document_key,) if self.document_key else (),
            answer_keys=(self.document_key,) if self.document_key else (),
            knowledge_base_key=self.knowledge_base_key,
            third_party_secrets=(self.store_secret,) if self.store_secret else (),
            principal_roles=(self.principal_role,),
            principal_instances=(self.principal_instance,),
            principal_groups=(self.principal_group,),
            principal_users=(self.principal_user,),
            principal_boundaries=(self.principal_boundary,),
            tagging=self.tagging,
            subscribe=self.product is not None,
            products=(self.product,) if self.product else (),
            # Regions are known for what AWS's public data names; GovCloud is not in it.
            extra_destinations=("us-gov-east-1", "us-gov-west-1") if self.partition == "aws-us-gov" else (),
        )

    @property
    def role_parts(self) -> tuple[Any, ...]:
        """What the role of a knowledge base on a collection is for, which is not named otherwise."""
        if not self.collection_arn:
            return ()
        source = (("bucket", self.document_bucket), ("prefix", self.prefix))
        store = (("collection", self.collection),)
        return (("source", "s3", source), ("store", "opensearch-serverless-by-name", store))

    @property
    def is_application_profile(self) -> bool:
        return ":application-inference-profile/" in self.model

    @property
    def foundation_models(self) -> tuple[str, ...]:
        """Ids of the models that the setting's model is or stands for, as far as its id tells."""
        named = self.behind or (self.model,)
        return tuple(dict.fromkeys(bare(one) for one in named if not one.startswith("arn:")))

    @property
    def profiles(self) -> tuple[str, ...]:
        """The setting's model, where it is a profile."""
        return (self.model,) if self.is_application_profile or bare(self.model) != self.model else ()

    def arn(self, service: str, resource: str, *, region: str | None = None, account: str | None = None) -> str:
        region = self.region if region is None else region
        account = self.account if account is None else account
        return f"arn:{self.partition}:{service}:{region}:{account}:{resource}"

    def role_arn(self, name: str) -> str:
        return self.arn("iam", f"role/{name}", region="")

    @property
    def boundary_arn(self) -> str:
        return self.arn("iam", f"policy/{self.boundary}", region="")

    @property
    def index_arn(self) -> str:
        return self.arn("s3vectors", f"bucket/{self.vector_bucket}/index/{self.vector_index}")

    @property
    def embedding_arn(self) -> str:
        return self.arn("bedrock", f"foundation-model/{self.embedding_model}", account="")


def play(story: Story, perform: Callable[[Call], Any]) -> None:
    """Make the calls of *story*, one after the other, with *perform*."""
    try:
        call = next(story)
        while True:
            call = story.send(perform(call))
    except StopIteration:
        return


def calls_of(story: Story) -> list[Call]:
    """The calls of *story*, without anybody to answer them."""
    made: list[Call] = []

    def note(call: Call) -> Unknown:
        made.append(call)
        return Unknown()

    play(story, note)
    return made
