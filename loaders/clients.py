"""API clients: who may call, for which organisation. Only a hash of a client's secret is kept."""

from dataclasses import dataclass

from loaders.documents import API_CLIENTS
from loaders.organizations import Organization, find_organization
from loaders.store import Int64, Store


@dataclass(frozen=True, slots=True)
class Client:
    """A caller's account: the organisation it speaks for, and the argon2id hash of its secret."""

    id: str
    organization: Organization
    secret_hash: str


async def find_client(store: Store, client_id: str) -> Client | None:
    """The client with its organisation, if there is one."""
    document = await store.get(API_CLIENTS.name, client_id)
    if document is None:
        return None
    organization = await find_organization(store, document["orgId"])
    if organization is None:
        return None
    return Client(client_id, organization, document["secretHash"])


async def add_till(store: Store, name: str, organization_id: int, secret_hash: str) -> None:
    """Add a till; raises `AlreadyExists` if the name is taken."""
    await store.insert(
        API_CLIENTS.name,
        {"_id": name, "orgId": Int64(organization_id), "kind": "till", "secretHash": secret_hash},
    )
