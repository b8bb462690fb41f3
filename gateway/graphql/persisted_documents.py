"""Operations that are asked for by an id instead of a document.

Trusted documents come from a manifest that the operator names, as graphql-codegen writes it: id → document.
Any other document is remembered when it comes with its hash, as Apollo's clients send it, and may be asked
for by this hash alone until it is forgotten.
"""

import hashlib
from pathlib import Path

from cachetools import LRUCache
from starlette.exceptions import HTTPException

from gateway import json_format
from gateway.errors import DocumentNotTrusted, PersistedQueryNotFound
from gateway.graphql.operations import DocumentInvalid, Operation, Operations
from gateway.graphql.request import GraphQLRequest


class ManifestUnusable(ValueError):
    """The manifest cannot be used; the message is one line."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(f"GATEWAY_TRUSTED_DOCUMENTS: {path}: {why}")


class PersistedDocuments:
    """Finds the operation that a request asks for, by its document or by an id."""

    def __init__(self, operations: Operations, *, only_trusted: bool, remembered_bytes: int) -> None:
        self._operations = operations
        self._only_trusted = only_trusted
        # All organisations share it, safely: by a hash, the text that has this hash is found and no other,
        # whoever sent it, and it reads only what belongs to the organisation of whoever asks for it.
        self._remembered: LRUCache[str, str] = LRUCache(remembered_bytes, getsizeof=_bytes)

    def prepare(self, asked: GraphQLRequest) -> Operation:
        """The operation; raises an exception of this module or what `Operations.prepare` raises."""
        if asked.query is None:
            return self._find(asked.document_id or asked.sha256 or "", asked.operation_name)
        if self._only_trusted:
            raise DocumentNotTrusted
        if asked.sha256 is not None and hashlib.sha256(asked.query.encode()).hexdigest() != asked.sha256:
            raise HTTPException(400, "provided sha does not match query")
        operation = self._operations.prepare(asked.query, asked.operation_name)
        if (
            asked.sha256 is not None
            and not operation.errors
            and _bytes(asked.query) <= self._remembered.maxsize
        ):
            self._remembered[asked.sha256] = asked.query
        return operation

    def _find(self, document_id: str, name: str | None) -> Operation:
        for known_as in (document_id, document_id.removeprefix("sha256:")):
            if (operation := self._operations.trusted(known_as, name)) is not None:
                return operation
            if (query := self._remembered.get(known_as)) is not None:
                return self._operations.prepare(query, name)
        raise PersistedQueryNotFound


def trust_manifest(operations: Operations, path: Path) -> None:
    """Prepare all documents of a manifest; raises `ManifestUnusable`."""
    try:
        manifest = json_format.decode(path.read_bytes())
    except OSError as error:
        raise ManifestUnusable(path, error.strerror or "not readable") from error
    except json_format.NotJSON as error:
        raise ManifestUnusable(path, "not valid JSON") from error
    if not isinstance(manifest, dict) or not all(isinstance(text, str) for text in manifest.values()):
        raise ManifestUnusable(path, "not an object of documents by id")
    for document_id, text in manifest.items():
        try:
            operations.trust(document_id, text)
        except DocumentInvalid as error:
            raise ManifestUnusable(path, f"document {document_id!r}: {error}") from error


def _bytes(text: str) -> int:
    return len(text.encode())
