"""One operation of a document, as it is remembered and executed."""

import sys
from dataclasses import dataclass, field

from graphql import DocumentNode, GraphQLError, OperationDefinitionNode

from gateway.graphql.plan_variants import Plans
from gateway.telemetry.current_request import AD_HOC, UNNAMED

# A token takes 400 to 1,050 bytes with its part of the parsed document and of a plan. An error takes less,
# except for its message, which can quote a long name.
TOKEN_BYTES = 1_100


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of a document. If it has `errors`, it cannot be executed.

    Without a plan, graphql-core's executor executes it. `strings` has the texts of the strings of `document`.
    If a request sends another document of the same shape, `text` is the document of the request, and
    `replaced` maps each string of `document` to the string at the same place in `text`. A trusted operation
    comes from the manifest.
    """

    document: DocumentNode
    definition: OperationDefinitionNode
    errors: list[GraphQLError]
    plans: Plans | None
    strings: list[str]
    trusted: bool = False
    text: str | None = None
    replaced: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str | None:
        return self.definition.name.value if self.definition.name else None

    @property
    def label(self) -> str:
        """The name of the operation in logs, metrics and traces."""
        return (self.name or UNNAMED) if self.trusted else AD_HOC

    @property
    def size(self) -> int:
        """The most bytes that it takes with one plan: the text, its strings twice, its tokens and errors."""
        assert self.document.loc is not None, "the parser keeps locations"
        size = 3 * sys.getsizeof(self.document.loc.source.body)
        size += sum(TOKEN_BYTES + sys.getsizeof(error.message) for error in self.errors)
        token = self.document.loc.start_token.next
        while token is not None:
            size += TOKEN_BYTES
            token = token.next
        return size
