"""Documents that need no capability: of service roles, buckets, keys, trust, the boundary, a collection.

`policy role | boundary | bucket | key | store | trust | collection`. What a document takes besides the scope is given as
``KEY=VALUE``; which keys there are is data of the documents themselves. Only the document goes to stdout; notes, and what
AWS does not state but the document assumes, go to stderr and into the file of ``--report``.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bedrock_gateway.capabilities import Scope
from bedrock_gateway.cli.output import note
from bedrock_gateway.cli.policy.formats import add_format, emit_items, managed, path_and_name
from bedrock_gateway.cli.policy.scope import add_scope, partition_of, scope_of
from bedrock_gateway.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bedrock_gateway.iam.documents.template import Document, Template
    from bedrock_gateway.iam.export import Item
    from bedrock_gateway.iam.roles import KnowledgeBaseParts, RoleDocuments

__all__ = ["add_forms", "run"]

_PARTS: Sequence[tuple[str, str, str]] = (
    ("--source", "sources", "data source of a knowledge base"),
    ("--store", "stores", "vector store of a knowledge base"),
    ("--with", "options", "what a knowledge base does besides"),
)


def add_forms(forms: argparse._SubParsersAction[Any]) -> None:
    """Add ``role``, ``boundary``, and a form for each kind of document that is filled in."""
    role = _form(forms, "role", "a document of a service role", _role, _role_help())
    role.add_argument("name", choices=tuple(_ROLES))
    _add_values(role)
    boundary = _form(forms, "boundary", "the permissions boundary of every service role", _boundary, _role_help())
    for parser in (role, boundary):
        for flag, field, about in _PARTS:
            parser.add_argument(
                flag, dest=field, action="append", default=[], metavar="KIND[:K=V,…]", help=f"{about} (repeatable)"
            )
        add_scope(parser)
    for form, (about, load) in _FILLED.items():
        templates = load()
        parser = _form(forms, form, about, _filled, _listing(templates))
        if form != _COLLECTION:
            parser.add_argument("name", choices=tuple(templates), metavar="NAME")
        _add_values(parser)
        parser.add_argument("--region", required=True, metavar="R", help="Region of the resources")
        parser.add_argument("--account", required=True, metavar="A", help="account id, 12 digits")


def _form(
    forms: argparse._SubParsersAction[Any], name: str, about: str, make: Callable[..., None], epilog: str
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = forms.add_parser(
        name, help=about, epilog=epilog, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--strict", action="store_true", help="leave out what is only assumed to be needed")
    parser.add_argument("--report", metavar="FILE", help="write notes and assumptions as JSON")
    add_format(parser)
    parser.set_defaults(run=run, make=make, form=name)
    return parser


def _add_values(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("values", nargs="*", metavar="KEY=VALUE", help="see below; a key may be repeated")


def run(args: argparse.Namespace) -> int:
    """Print the document that *args* name; 0.

    Raises:
        ConfigError: the options lack what the document needs, or are malformed.
    """
    args.make(args)
    return 0


# -- service roles -----------------------------------------------------------------------------------------------------


def _logging_role(args: argparse.Namespace) -> RoleDocuments:
    from bedrock_gateway.iam.roles import logging_role

    _nothing_but(args)
    return logging_role(scope_of(args))


def _kb_role(args: argparse.Namespace) -> RoleDocuments:
    from bedrock_gateway.iam.roles import kb_role

    _nothing_but(args)
    scope = scope_of(args)
    return kb_role(scope, _parts(args, scope))


def _batch_role(args: argparse.Namespace) -> RoleDocuments:
    from bedrock_gateway.iam.roles import batch_role

    return batch_role(scope_of(args), _given(args.values), strict=args.strict)


# What the command line calls a document of a role → what makes it, which of the two it is, and where the scope names
# the role.
_ROLES: Mapping[str, tuple[Callable[[argparse.Namespace], RoleDocuments], str, str]] = {
    "logging": (_logging_role, "permissions", "logging_role"),
    "logging-trust": (_logging_role, "trust", "logging_role"),
    "logging-bucket": (_logging_role, "", ""),
    "kb": (_kb_role, "permissions", "knowledge_base_roles"),
    "kb-trust": (_kb_role, "trust", "knowledge_base_roles"),
    "batch": (_batch_role, "permissions", "batch_role"),
    "batch-trust": (_batch_role, "trust", "batch_role"),
}


def _role(args: argparse.Namespace) -> None:
    from bedrock_gateway.iam.documents.template import Document
    from bedrock_gateway.iam.export import BucketPolicy
    from bedrock_gateway.iam.roles import logging_bucket

    maker, part, field = _ROLES[args.name]
    if not part:
        scope = scope_of(args)
        made = logging_bucket(scope)
        _write(args, Document(made), [BucketPolicy(scope.logging_bucket or "", made)])
        return
    both = maker(args)
    remarks = (both.assumptions, both.notes) if part == "permissions" else ((), ())
    _write(args, Document(getattr(both, part), *remarks), [_service_role(args, both, part, field)])


def _service_role(args: argparse.Namespace, made: RoleDocuments, part: str, field: str) -> Item:
    """The role itself: with its boundary, without which nobody but an administrator may change it."""
    from bedrock_gateway.iam.export import Role
    from bedrock_gateway.iam.resources import boundary_arn

    scope = scope_of(args)
    named = getattr(scope, field)
    path, name = path_and_name(named if isinstance(named, str) else named[0])
    permissions = made.permissions if part == "permissions" else None
    return Role(args.resource_name or name, made.trust, permissions, path, boundary_arn(scope))


def _boundary(args: argparse.Namespace) -> None:
    from bedrock_gateway.iam.boundary import boundary
    from bedrock_gateway.iam.documents.template import Document

    scope = scope_of(args)
    parts = _parts(args, scope)
    document = boundary(scope, parts if parts.sources or parts.stores else None)
    attach = f"an administrator makes it as the managed policy {scope.boundary}, and nobody else may change it"
    path, name = path_and_name(scope.boundary)
    _write(args, Document(document, notes=(attach,)), list(managed(args.resource_name or name, (document,), path=path)))


def _parts(args: argparse.Namespace, scope: Scope) -> KnowledgeBaseParts:
    """Return what the scope names, and what ``--source``, ``--store`` and ``--with`` add."""
    from bedrock_gateway.iam.roles import KnowledgeBaseParts

    named = KnowledgeBaseParts.of(scope)
    added = {field: tuple(_chosen(text) for text in getattr(args, field)) for _, field, _ in _PARTS}
    return replace(
        named,
        sources=(*named.sources, *added["sources"]),
        stores=(*named.stores, *added["stores"]),
        options=added["options"],
        strict=args.strict,
    )


def _chosen(text: str) -> tuple[str, dict[str, tuple[str, ...]]]:
    name, _, values = text.partition(":")
    return name, _given(one for one in values.split(",") if one)


def _given(words: Iterable[str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key or not value:
            raise ConfigError(f"{word[:200]!r} is not KEY=VALUE")
        found[key] = (*found.get(key, ()), value)
    return found


def _nothing_but(args: argparse.Namespace) -> None:
    if args.values:
        raise ConfigError(f"role {args.name} takes options, not {args.values[0][:80]!r}")


# -- documents that are filled in --------------------------------------------------------------------------------------

_COLLECTION = "collection"


def _buckets() -> Mapping[str, Template]:
    from bedrock_gateway.iam.documents.buckets import BUCKETS

    return BUCKETS


def _keys() -> Mapping[str, Template]:
    from bedrock_gateway.iam.documents.keys import KEYS

    return KEYS


def _stores() -> Mapping[str, Template]:
    from bedrock_gateway.iam.documents.provision import PROVISION

    return PROVISION


def _trusts() -> Mapping[str, Template]:
    from bedrock_gateway.iam.documents.trusts import TRUSTS

    return TRUSTS


def _collections() -> Mapping[str, Template]:
    from bedrock_gateway.iam.documents.collection import COLLECTION

    return {_COLLECTION: COLLECTION}


_FILLED: Mapping[str, tuple[str, Callable[[], Mapping[str, Template]]]] = {
    "bucket": ("the policy of a bucket", _buckets),
    "key": ("statements for the policy of a KMS key", _keys),
    "store": ("what whoever makes a vector store needs, beside kb-provision", _stores),
    "trust": ("who may assume a role", _trusts),
    _COLLECTION: ("the data access policy of an OpenSearch Serverless collection", _collections),
}


def _filled(args: argparse.Namespace) -> None:
    from bedrock_gateway.iam.documents.collection import collection_access
    from bedrock_gateway.iam.documents.template import assemble, fill
    from bedrock_gateway.iam.export import BucketPolicy, CollectionAccess, Role
    from bedrock_gateway.iam.trust import trust

    scope = Scope(args.region, args.account, partition_of(args.region))
    given = _given(args.values)
    name = args.resource_name or f"bedrock-gateway-{getattr(args, 'name', _COLLECTION)}"
    if args.form == _COLLECTION:
        rules = collection_access(given, scope)
        emit_items(args, rules, [CollectionAccess(name, rules)])
    elif args.form == "trust":
        made = trust(args.name, given, scope)
        _write(args, made, [Role(name, made.policy)])
    else:
        template = _FILLED[args.form][1]()[args.name]
        made = assemble(fill(template, given, scope), notes=template.notes, strict=args.strict)
        # Statements for a key are added to the policy that the key has: to replace it would lock its owner out.
        _write(args, made, [BucketPolicy(given["bucket"][0], made.policy)] if args.form == "bucket" else [])


# -- what is said ------------------------------------------------------------------------------------------------------


def _write(args: argparse.Namespace, made: Document, items: Sequence[Item]) -> None:
    for line in made.notes:
        note(f"note: {line}")
    for one in made.assumptions:
        note(f"assumed ({one.confidence}): {one.action} on {one.resource}: {one.why}")
    if args.report:
        found = {
            "size": made.policy.size,
            "warnings": list(made.notes),
            "assumptions": [asdict(one) for one in made.assumptions],
        }
        Path(args.report).write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    emit_items(args, made.policy.dump(), items)


def _listing(templates: Mapping[str, Template], title: str = "NAME") -> str:
    lines = [f"{title} and the keys it takes ([…]: may be left out):"]
    for name, template in templates.items():
        keys = (key if one.default is None else f"[{key}]" for key, one in template.fields.items())
        lines += [f"  {name}: {template.summary}", *([f"      {' '.join(keys)}"] if template.fields else [])]
    return "\n".join(lines)


def _role_help() -> str:
    from bedrock_gateway.iam.documents.sources import SOURCES
    from bedrock_gateway.iam.documents.stores import OPTIONS, STORES
    from bedrock_gateway.iam.roles import MODEL_OPTIONS

    by_model = "\n".join(f"  {name}: {one.summary}\n      model" for name, one in MODEL_OPTIONS.items())
    listed = [_listing(SOURCES, "--source"), _listing(STORES, "--store"), _listing(OPTIONS, "--with")]
    batch = "batch takes input=BUCKET output=BUCKET [input-prefix] [output-prefix] [owner] [input-key] [output-key]"
    return "\n".join((*listed, by_model, batch))
