"""What an operation may ask for: one list of limits, checked before anything is validated or sent.

Two looks at a document keep a hostile one cheap: its text is counted before it is parsed, and its fields are
counted before graphql-core validates it, which takes time by the square of what is repeated. Each fragment is
counted once, however often it is spread.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import NamedTuple

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
)

from gateway.errors import LimitExceeded

_INTROSPECTION = ("__schema", "__type")

# In the group, a token of GraphQL; outside of it, what is ignored. A string without an end takes the rest of
# its line, or of the document: the parser refuses it.
_TOKENS = re.compile(
    r'[ \t\r\n,\ufeff]+|#[^\r\n]*|("""(?:\\"""|[^"]|"(?!""))*(?:"""|\Z)|"(?:\\.|[^"\\\r\n])*"?'
    r"|\.\.\.|[A-Za-z_][A-Za-z_0-9]*|-?[0-9]+(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?|.)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that is allowed; the settings say what of."""

    characters: int = 100_000
    tokens: int = 10_000
    names: int = 5_000
    depth: int = 8
    aliases: int = 100
    root_fields: int = 100
    repeated_fields: int = 100
    fragments: int = 100
    directives: int = 100
    variables: int = 1_000
    introspections: int = 1
    summaries: int = 100

    def check(self, what: str, got: int) -> None:
        """Raises `LimitExceeded` if `got` is more than the limit called `what`."""
        if got > (most := getattr(self, what)):
            raise LimitExceeded(what.replace("_", " "), got, most)

    def check_text(self, text: str) -> None:
        """Raises `LimitExceeded` for a text that is not worth parsing."""
        self.check("characters", len(text))
        tokens = [token for token in _TOKENS.findall(text) if token]
        self.check("tokens", len(tokens))
        self.check("names", sum(map(str.isidentifier, tokens)))
        self.check("fragments", tokens.count("..."))
        self.check("directives", tokens.count("@"))

    def check_document(self, document: DocumentNode) -> None:
        """Raises `LimitExceeded` for a document that is not worth validating.

        Raises `GraphQLError` for one in which fragments have the same name or spread themselves.
        """
        weights = list(_weights(document))
        self.check("depth", max((weight.depth for weight in weights), default=0))
        self.check("aliases", sum(weight.aliases for weight in weights))
        self.check("root_fields", sum(len(weight.distinct) for weight in weights))
        self.check("repeated_fields", sum(weight.repeated for weight in weights))
        self.check("introspections", sum(weight.introspections for weight in weights))
        self.check(
            "variables",
            sum(
                len(one.variable_definitions or ())
                for one in document.definitions
                if isinstance(one, OperationDefinitionNode)
            ),
        )


class _Weight(NamedTuple):
    """What a selection set asks for, its fragments and all that is below included.

    `depth` leaves out what is below introspection, which graphql-core limits in its own way. An
    `introspection` is a field that begins one, and each alias below it, which would multiply it. `distinct`
    has, by response key, how many fields each field of this set is, with those below it; another field with
    the same key is repeated, with all that is below it.
    """

    depth: int
    aliases: int
    introspections: int
    fields: int
    distinct: dict[str, int]

    @property
    def repeated(self) -> int:
        return self.fields - sum(self.distinct.values())


_NOTHING = _Weight(0, 0, 0, 0, {})


def _weights(document: DocumentNode) -> Iterator[_Weight]:
    """The weight of each operation, and of each fragment that nothing spreads."""
    fragments: dict[str, FragmentDefinitionNode] = {}
    sets: list[SelectionSetNode] = []
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            name = definition.name.value
            if name in fragments:
                # Of two, only one would be weighed.
                raise GraphQLError(f"There can be only one fragment named '{name}'.", definition)
            fragments[name] = definition
        elif isinstance(definition, OperationDefinitionNode):
            sets.append(definition.selection_set)
    spread = {name: dict.fromkeys(_spreads(one.selection_set)) for name, one in fragments.items()}
    weighed: dict[str, _Weight] = {}
    try:
        for name in TopologicalSorter(spread).static_order():
            if name in fragments:
                weighed[name] = _weigh(fragments[name].selection_set, weighed)
    except CycleError as error:
        name = error.args[1][0]
        raise GraphQLError(f"Cannot spread fragment '{name}' within itself.", fragments[name]) from error
    used = set().union(*spread.values(), *map(_spreads, sets))
    yield from (_weigh(one, weighed) for one in sets)
    yield from (weight for name, weight in weighed.items() if name not in used)


def _spreads(selection_set: SelectionSetNode) -> Iterator[str]:
    """The names of the fragments that are spread in this set and below it."""
    sets = [selection_set]
    while sets:
        for selection in sets.pop().selections:
            if isinstance(selection, FragmentSpreadNode):
                yield selection.name.value
            elif isinstance(selection, FieldNode | InlineFragmentNode) and selection.selection_set:
                sets.append(selection.selection_set)


def _weigh(selection_set: SelectionSetNode, fragments: Mapping[str, _Weight]) -> _Weight:
    """Weigh a set; `fragments` has those that are spread in it, as far as they exist."""
    depth = aliases = introspections = fields = 0
    distinct: dict[str, int] = {}
    for selection in selection_set.selections:
        match selection:
            case FieldNode():
                part = _weigh_field(selection, fragments)
            case FragmentSpreadNode():
                part = fragments.get(selection.name.value, _NOTHING)
            case InlineFragmentNode():
                part = _weigh(selection.selection_set, fragments)
        depth = max(depth, part.depth)
        aliases += part.aliases
        introspections += part.introspections
        fields += part.fields
        for key, size in part.distinct.items():
            distinct.setdefault(key, size)
    return _Weight(depth, aliases, introspections, fields, distinct)


def _weigh_field(field: FieldNode, fragments: Mapping[str, _Weight]) -> _Weight:
    below = _NOTHING if field.selection_set is None else _weigh(field.selection_set, fragments)
    begins = field.name.value in _INTROSPECTION
    return _Weight(
        1 if begins else below.depth + 1,
        below.aliases + (field.alias is not None),
        below.introspections + (below.aliases + 1 if begins else 0),
        below.fields + 1,
        {(field.alias or field.name).value: sum(below.distinct.values()) + 1},
    )
