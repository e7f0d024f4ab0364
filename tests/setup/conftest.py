"""One small account in a served local Bedrock, an operator in it, and a list of what is there."""

from __future__ import annotations

import importlib.util
import sys
import time
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("moto", reason="the local Bedrock is an extra")

from bedrock_gateway import Gateway
from bedrock_gateway._commands import Send, Sleep
from bedrock_gateway.local.opensearch.state import SearchState, Timing
from bedrock_gateway.setup import knowledge
from bedrock_gateway.setup.knowledge import Patience

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

ROOT = Path(__file__).resolve().parents[2]
QUICK = Patience(first_wait=0.02, longest_wait=0.05, propagation=5, status=10, queue=10, ingestion=60)
LEAVE = "# Leave\n\nEverybody has 25 days of paid leave a year. Unused leave lapses at the end of March.\n"


def load_world() -> Any:
    if "world" not in sys.modules:
        spec = importlib.util.spec_from_file_location("world", ROOT / "scripts" / "world.py")
        module = importlib.util.module_from_spec(spec)
        sys.modules["world"] = module
        spec.loader.exec_module(module)
    return sys.modules["world"]


class Killed(BaseException):
    """The process died: nothing of ours runs after it but what the interpreter itself would not."""


@dataclass
class Watched:
    """A perform that notes every call, and lets a test change what comes of one."""

    perform: Callable[[Any], Any]
    around: Callable[[Watched, Send], Any] | None = None
    clock: float = 0.0
    sent: list[str] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    sleeps_for_real: bool = True

    def __call__(self, command: Any) -> Any:
        if isinstance(command, Sleep):
            self.slept.append(command.seconds)
            self.clock += command.seconds
            return self.perform(command) if self.sleeps_for_real else None
        if not isinstance(command, Send):
            return self.perform(command)
        self.sent.append(command.operation)
        return self.around(self, command) if self.around else self.perform(command)


@dataclass
class Account:
    """See the module."""

    world: Any
    folder: Path
    gateway: Gateway
    events: list[Any]
    clients: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def config(self) -> Any:
        return self.gateway.config

    def root(self, service: str) -> Any:
        """The root user's client, made once: making one costs more than what most tests do with it."""
        if service not in self.clients:
            self.clients[service] = self.world.client(self.world.admin, service)
        return self.clients[service]

    def view(self, around: Any = None, *, sleeps_for_real: bool = True) -> tuple[Any, Watched]:
        """The operator's gateway with a perform that a test looks into."""
        watched = Watched(self.gateway._perform, around, sleeps_for_real=sleeps_for_real)
        view = self.gateway.with_options()
        view.__dict__["_perform"] = watched
        if not sleeps_for_real:
            view.__dict__["_context"] = replace(view._context, now=lambda: time.monotonic() + watched.clock)
        return view, watched

    def create(self, gateway: Any = None, **options: Any) -> Any:
        given = {"folder": self.folder, "create_role": True, "patience": QUICK} | options
        return knowledge.create(gateway or self.gateway, "handbook", **given)

    def resume(self, gateway: Any = None, **options: Any) -> Any:
        given = {"folder": self.folder, "create_role": True, "patience": QUICK} | options
        return knowledge.resume(gateway or self.gateway, "handbook", **given)

    def delete(self, gateway: Any = None) -> Any:
        return knowledge.delete(gateway or self.gateway, "handbook", folder=self.folder, patience=QUICK)

    @property
    def manifests(self) -> list[Path]:
        return sorted((self.folder / ".bedrock-gateway").glob("*.json"))

    def inventory(self) -> Counter[str]:
        """Everything in the account that set-up could have made, counted."""
        iam, vectors, agent = (self.root(name) for name in ("iam", "s3vectors", "bedrock-agent"))
        found: list[str] = [f"role {one['Arn']}" for one in iam.list_roles(PathPrefix="/bedrock-gateway/")["Roles"]]
        for bucket in vectors.list_vector_buckets()["vectorBuckets"]:
            found.append(f"vector bucket {bucket['vectorBucketArn']}")
            indexes = vectors.list_indexes(vectorBucketName=bucket["vectorBucketName"])["indexes"]
            found += [f"vector index {one['indexArn']}" for one in indexes]
        found += self.searched()
        for base in agent.list_knowledge_bases()["knowledgeBaseSummaries"]:
            found.append(f"knowledge base {base['name']}")
            sources = agent.list_data_sources(knowledgeBaseId=base["knowledgeBaseId"])["dataSourceSummaries"]
            found += [f"data source {one['name']}" for one in sources]
        return Counter(found)

    def searched(self) -> list[str]:
        """What there is of OpenSearch Serverless."""
        search, state = self.root("opensearchserverless"), self.world.local.state.of(SearchState)
        found = [
            f"{kind} policy {one['name']}"
            for kind in ("encryption", "network")
            for one in search.list_security_policies(type=kind)["securityPolicySummaries"]
        ]
        found += [
            f"data access policy {one['name']}"
            for one in search.list_access_policies(type="data")["accessPolicySummaries"]
        ]
        for one in search.list_collections()["collectionSummaries"]:
            found.append(f"collection {one['name']}")
            found += [f"search index {one['name']}/{index}" for index in state.collections[one["id"]].indexes]
        return found

    def planned(self, **options: Any) -> Counter[str]:
        """Everything that the plan says will be made."""
        made = knowledge.plan(self.config, "handbook", principal="operator", create_role=True, **options)
        return Counter(f"{one.kind} {one.name}" for one in made.resources if one.made and one.kind != "ingestion")

    def wipe(self) -> None:
        """Remove whatever a test left, with nothing of ours."""
        iam, vectors, agent = (self.root(name) for name in ("iam", "s3vectors", "bedrock-agent"))
        for base in agent.list_knowledge_bases()["knowledgeBaseSummaries"]:
            identifier = base["knowledgeBaseId"]
            for one in agent.list_data_sources(knowledgeBaseId=identifier)["dataSourceSummaries"]:
                names = {"knowledgeBaseId": identifier, "dataSourceId": one["dataSourceId"]}
                shown = agent.get_data_source(**names)["dataSource"]
                agent.update_data_source(
                    **names,
                    name=shown["name"],
                    dataSourceConfiguration=shown["dataSourceConfiguration"],
                    **{name: shown[name] for name in ("vectorIngestionConfiguration",) if name in shown},
                    dataDeletionPolicy="RETAIN",
                )
            agent.delete_knowledge_base(knowledgeBaseId=identifier)
        for bucket in vectors.list_vector_buckets()["vectorBuckets"]:
            name = bucket["vectorBucketName"]
            for one in vectors.list_indexes(vectorBucketName=name)["indexes"]:
                vectors.delete_index(vectorBucketName=name, indexName=one["indexName"])
            vectors.delete_vector_bucket(vectorBucketName=name)
        self.world.local.state.of(SearchState).__init__()
        self.world.local.state.of(Timing).__init__()
        for role in iam.list_roles(PathPrefix="/bedrock-gateway/")["Roles"]:
            for policy in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
                iam.delete_role_policy(RoleName=role["RoleName"], PolicyName=policy)
            iam.delete_role(RoleName=role["RoleName"])
        for path in (self.folder / ".bedrock-gateway").glob("*"):
            path.unlink()
        self.events.clear()


def botocore_can_tag() -> bool:
    """The oldest botocore of our environments cannot send the tags by which set-up knows its own again."""
    from botocore.session import Session

    operation = Session().get_service_model("s3vectors").operation_model("CreateVectorBucket")
    return "tags" in operation.input_shape.members


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The account, with an operator who may create, and one document to index."""
    if not botocore_can_tag():
        pytest.skip("this botocore cannot tag S3 Vectors: set-up says so before anything is made")
    with serving(tmp_path_factory.mktemp("account")) as account:
        yield account


@contextmanager
def serving(folder: Path, *, store: str = "s3-vectors") -> Iterator[Account]:
    """An account whose knowledge base stands on *store*."""
    from bedrock_gateway.local import LocalBedrock

    with pytest.MonkeyPatch.context() as patch, LocalBedrock() as local, local.serve() as server:
        for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"):
            patch.delenv(name, raising=False)
        world = load_world().World(local, server.endpoint, folder)
        world.write_config()
        text = world.config_file.read_text()
        world.config_file.write_text(text.replace('store = "s3-vectors"', f'store = "{store}"'))
        world.create_person()
        world.create_buckets()
        world.create_boundary()
        for name in ("operator", "app"):
            world.create_role(name)
            world.grant(name)
        bucket = world.config.knowledge_bases["handbook"].sources[0].bucket
        world.client(world.admin, "s3").put_object(Bucket=bucket, Key="leave.md", Body=LEAVE.encode())
        events: list[Any] = []
        with Gateway(
            world.config, principal="operator", session=world.become("operator"), observers=[events.append]
        ) as gateway:
            yield Account(world, folder, gateway, events)


@pytest.fixture(scope="module")
def served_search(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    """The same with a knowledge base on OpenSearch Serverless, which every botocore that we take can tag."""
    with serving(tmp_path_factory.mktemp("search"), store="opensearch-serverless") as account:
        yield account


@pytest.fixture
def search_account(served_search: Account) -> Iterator[Account]:
    """The account on OpenSearch Serverless, empty."""
    served_search.wipe()
    yield served_search
    served_search.wipe()


@pytest.fixture
def account(served: Account) -> Iterator[Account]:
    """The account, empty."""
    served.wipe()
    yield served
    served.wipe()
