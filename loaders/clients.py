"""API clients and their access groups.

A client belongs to one organisation and to one access group, which grants it one right per resource. The
database holds only a hash of a client's secret.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from loaders.database_schema import ACCESS_GROUPS, API_CLIENTS
from loaders.enums import ClientKind, Resource, Right
from loaders.organizations import Organization, find_organization
from loaders.store import Document, Int64, Store

Rights = Mapping[Resource, Right]

NO_RIGHTS: Rights = dict.fromkeys(Resource, Right.NONE)
# The groups of a new database; an operator may change them.
DEFAULT_GROUPS: Mapping[str, Rights] = {
    "default": {**NO_RIGHTS, Resource.CUSTOMER: Right.READ, Resource.PROMOTION: Right.READ},
    "ingest": {**NO_RIGHTS, Resource.EVENT: Right.WRITE},
}


@dataclass(frozen=True, slots=True)
class Account:
    """A client as the database holds it.

    `id` is the name of a POS client or the key of an OAuth client, `ttl_seconds` is how long its tokens live,
    and `generation` counts the secrets that it has had.
    """

    id: str
    name: str
    kind: ClientKind
    organization_id: int
    group: str
    ttl_seconds: int
    secret_hash: str = field(repr=False)
    generation: int = 1
    disabled: bool = False


@dataclass(frozen=True, slots=True)
class Client:
    """An account with its organisation and the rights of its group."""

    account: Account
    organization: Organization
    rights: Rights


async def find_account(store: Store, client_id: str) -> Account | None:
    """The account of a client, disabled or not, if there is one."""
    document = await store.get(API_CLIENTS.name, client_id)
    return None if document is None else _account(document)


async def find_client(store: Store, account: Account) -> Client | None:
    """The client of an account; None if the account is disabled or its organisation does not exist."""
    if account.disabled:
        return None
    organization, rights = await asyncio.gather(
        find_organization(store, account.organization_id), find_rights(store, account.group)
    )
    return None if organization is None else Client(account, organization, rights or NO_RIGHTS)


async def list_accounts(store: Store) -> list[Account]:
    """Every client of every organisation, by id."""
    return [_account(document) async for document in store.stream(API_CLIENTS.name, {}, ("_id",))]


async def add_account(store: Store, account: Account) -> None:
    """Add a client; raises `AlreadyExists` if its id is taken."""
    document = {
        "_id": account.id,
        "name": account.name,
        "kind": account.kind.value,
        "orgId": Int64(account.organization_id),
        "group": account.group,
        "ttlSeconds": Int64(account.ttl_seconds),
        "secretHash": account.secret_hash,
        "generation": Int64(account.generation),
        "disabled": account.disabled,
    }
    await store.insert(API_CLIENTS.name, document)


async def disable_account(store: Store, client_id: str) -> bool:
    """Refuse the client and its tokens from now on; False if there is no such client."""
    return await store.update(API_CLIENTS.name, client_id, {"$set": {"disabled": True}})


async def rotate_secret(store: Store, client_id: str, secret_hash: str) -> bool:
    """Give the client another secret and end its tokens; False if there is no such client."""
    change = {"$set": {"secretHash": secret_hash}, "$inc": {"generation": Int64(1)}}
    return await store.update(API_CLIENTS.name, client_id, change)


async def find_rights(store: Store, group: str) -> Rights | None:
    """The rights of a group, if there is such a group."""
    document = await store.get(ACCESS_GROUPS.name, group)
    return None if document is None else _rights(document)


async def list_groups(store: Store) -> dict[str, Rights]:
    """Every group, by name."""
    groups = store.stream(ACCESS_GROUPS.name, {}, ("_id",))
    return {document["_id"]: _rights(document) async for document in groups}


async def put_group(store: Store, group: str, rights: Rights) -> None:
    """Add a group, or change its rights."""
    document = _group_document(group, rights)
    await store.upsert(ACCESS_GROUPS.name, [({"_id": group}, {"$set": document})])


async def add_default_groups(store: Store) -> None:
    """Add the groups of a new database; existing groups do not change."""
    documents = [_group_document(group, rights) for group, rights in DEFAULT_GROUPS.items()]
    await store.insert_missing(ACCESS_GROUPS.name, documents)


def _account(document: Document) -> Account:
    return Account(
        document["_id"],
        document["name"],
        ClientKind(document["kind"]),
        int(document["orgId"]),
        document["group"],
        int(document["ttlSeconds"]),
        document["secretHash"],
        int(document["generation"]),
        document["disabled"],
    )


def _rights(document: Document) -> Rights:
    return {resource: Right(document[resource]) for resource in Resource}


def _group_document(group: str, rights: Rights) -> Document:
    return {"_id": group, **{resource.value: rights[resource].value for resource in Resource}}
