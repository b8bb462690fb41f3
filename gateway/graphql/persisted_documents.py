"""Documents that clients name by an id.

Trusted documents come from the operator's manifest, as graphql-codegen or Apollo writes it. Another document
is cached when a client sends it with its hash, as Apollo's clients do, and the hash is then its id.
"""

import hashlib
from pathlib import Path

from cachetools import LRUCache
from starlette.exceptions import HTTPException

from gateway import OperatorError, json_format
from gateway.errors import DocumentNotTrusted, PersistedQueryNotFound
from gateway.graphql.operation import Operation
from gateway.graphql.operations import DocumentInvalid, Operations
from gateway.graphql.request import GraphQLRequest


class ManifestUnusable(OperatorError):
    """The manifest cannot be used; the message is one line."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"GATEWAY_TRUSTED_DOCUMENTS: {path}: {why}")


class PersistedDocuments:
    """Finds the operation of a request by its document or by the id of one."""

    def __init__(self, operations: Operations, *, only_trusted: bool, cache_bytes: int) -> None:
        self._operations = operations
        self._only_trusted = only_trusted
        # All organisations share the cache: a hash finds only the text that has it, and an operation reads
        # only the data of the caller's organisation.
        self._cached: LRUCache[str, str] = LRUCache(cache_bytes, getsizeof=_bytes)

    async def prepare(self, parameters: GraphQLRequest, organization_id: int) -> Operation:
        """Prepare the operation of a request.

        Raises `PersistedQueryNotFound`, `DocumentNotTrusted`, or what `Operations.prepare_fairly` raises.
        """
        query, sha256, name = parameters.query, parameters.sha256, parameters.operation_name
        if query is None:
            return await self._find(parameters.document_id or sha256 or "", name, organization_id)
        if self._only_trusted:
            raise DocumentNotTrusted
        if sha256 is not None and hashlib.sha256(query.encode()).hexdigest() != sha256:
            # In Apollo's words.
            raise HTTPException(400, "provided sha does not match query")
        operation = await self._operations.prepare_fairly(query, name, organization_id)
        if sha256 is not None and not operation.errors and _bytes(query) <= self._cached.maxsize:
            self._cached[sha256] = query
        return operation

    async def _find(self, document_id: str, name: str | None, organization_id: int) -> Operation:
        for key in (document_id, document_id.removeprefix("sha256:")):
            if (operation := self._operations.trusted(key, name)) is not None:
                return operation
            if (query := self._cached.get(key)) is not None:
                return await self._operations.prepare_fairly(query, name, organization_id)
        raise PersistedQueryNotFound


def trust_manifest(operations: Operations, path: Path) -> None:
    """Trust the documents of a manifest; raises `ManifestUnusable`."""
    try:
        documents = _documents(json_format.decode(path.read_bytes()))
    except OSError as error:
        raise ManifestUnusable(path, error.strerror or "not readable") from error
    except ValueError as error:
        raise ManifestUnusable(path, str(error)) from error
    for document_id, text in documents.items():
        try:
            operations.trust(document_id, text)
        except DocumentInvalid as error:
            raise ManifestUnusable(path, f"document {document_id!r}: {error}") from error


def _documents(manifest: object) -> dict[str, str]:
    """The documents of a manifest by id; raises `ValueError` if it has neither of the two forms."""
    match manifest:
        case {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [*operations]}:
            documents: dict[str, str] = {}
            for operation in operations:
                match operation:
                    case {"id": str(document_id), "body": str(text)}:
                        if documents.setdefault(document_id, text) != text:
                            raise ValueError(f"document {document_id!r}: two operations have this id")
                    case _:
                        raise ValueError("an operation without id or body")
            return documents
        case {"format": "apollo-persisted-query-manifest"}:
            raise ValueError("not version 1 of Apollo's manifest")
        case dict() if all(isinstance(text, str) for text in manifest.values()):
            return manifest
    raise ValueError("neither an object of documents by id nor Apollo's manifest")


def _bytes(text: str) -> int:
    return len(text.encode())
