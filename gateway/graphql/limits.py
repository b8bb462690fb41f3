"""The limits of a GraphQL document, checked before it is validated.

graphql-core's parser stops at the limit of tokens. The other limits are checked on the parsed document before
graphql-core validates it, because the time of validation grows with the square of the number of repeated
fields. Each fragment is weighed once, however often it is spread.
"""

import re
from collections import Counter
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
    GraphQLSyntaxError,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    Source,
    SourceLocation,
    Token,
    TokenKind,
)
from graphql.language import Lexer
from graphql.language.parser import Parser

from gateway.errors import LimitExceeded

MAX_CHARACTERS = 100_000
MAX_COMMENTS = 1_000
# Names of fields, aliases, arguments, types and variables.
MAX_NAMES = 5_000
MAX_ROOT_FIELDS = 100
# Fields that are selected again under the same key in the same place, with all fields below them.
MAX_REPEATED_FIELDS = 100
# Fragments, wherever they are spread.
MAX_FRAGMENTS = 100
MAX_DIRECTIVES = 100
# Variables, declared or given.
MAX_VARIABLES = 1_000
# Fields in the result of an introspection. The query of GraphiQL has about 6,000.
MAX_INTROSPECTION_FIELDS = 20_000

_INTROSPECTION = ("__schema", "__type")
# How long the lists of an introspection are on average.
_LIST_LENGTHS = {"types": 26, "directives": 6, "fields": 5, "args": 2, "inputFields": 2, "enumValues": 2}
# How graphql-core's parser says that a limit is exceeded.
_PARSING_ABORTED = re.compile(r"Syntax Error: Document contains more than (\d+) (tokens|comments)\.")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of a document and of its operation; all but the limit of aliases are settings."""

    tokens: int = 8_000
    depth: int = 8
    aliases: int = 100
    summaries: int = 100

    def parse(self, text: str) -> DocumentNode:
        """Parse a document; raises `GraphQLSyntaxError` or `LimitExceeded`."""
        check("characters", len(text), MAX_CHARACTERS)
        lexer = Lexer(DocumentSource(text))
        try:
            document = _parse(lexer, self.tokens)
        except GraphQLSyntaxError as error:
            if aborted := _PARSING_ABORTED.match(error.message):
                raise LimitExceeded(aborted[2], "more", int(aborted[1])) from None
            raise
        finally:
            kinds = Counter(_unlink(lexer.token))
        check("names", kinds[TokenKind.NAME], MAX_NAMES)
        check("fragments", kinds[TokenKind.SPREAD], MAX_FRAGMENTS)
        check("directives", kinds[TokenKind.AT], MAX_DIRECTIVES)
        return document

    def check(self, document: DocumentNode) -> None:
        """Raises `LimitExceeded` for a document that asks for too much.

        Raises `GraphQLError` for one in which fragments have the same name or spread themselves.
        """
        weights = list(_weights(document))
        check("depth", max((weight.depth for weight in weights), default=0), self.depth)
        check("aliases", sum(weight.aliases for weight in weights), self.aliases)
        check("root fields", sum(len(weight.distinct) for weight in weights), MAX_ROOT_FIELDS)
        check("repeated fields", sum(weight.repeated for weight in weights), MAX_REPEATED_FIELDS)
        introspected = sum(weight.introspected for weight in weights)
        check("introspection fields", introspected, MAX_INTROSPECTION_FIELDS)
        operations = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
        check("variables", sum(len(one.variable_definitions or ()) for one in operations), MAX_VARIABLES)


def check(what: str, got: int, most: int) -> None:
    """Raises `LimitExceeded` if `got` is more than `most`."""
    if got > most:
        raise LimitExceeded(what, got, most)


class DocumentSource(Source):
    """The text of a document; it finds the location of an error in microseconds.

    graphql-core's regular expression takes a millisecond for each error of the largest document.
    """

    def get_location(self, position: int) -> SourceLocation:
        """The line and the column, both from 1, of a position that is not within the end of a line."""
        before = self.body[:position]
        line = 1 + before.count("\n") + before.count("\r") - before.count("\r\n")
        return SourceLocation(line, position - max(before.rfind("\n"), before.rfind("\r")))


def _parse(lexer: Lexer, max_tokens: int) -> DocumentNode:
    # `graphql.parse` does the same, but keeps its lexer to itself.
    parser = Parser(lexer.source, lexer=lexer, max_lexical_tokens=max_tokens, max_comments=MAX_COMMENTS)
    try:
        return parser.parse_document()
    except RecursionError:
        description = "Document is nested too deeply. Parsing aborted."
        raise GraphQLSyntaxError(lexer.source, lexer.token.start, description) from None


def _unlink(last: Token) -> Iterator[TokenKind]:
    """The kinds of all tokens up to the last; each loses its link to the one before.

    Linked both ways, the tokens of a document that is dropped would wait for the garbage collector.
    """
    token: Token | None = last
    while token is not None:
        yield token.kind
        token.prev, token = None, token.prev


class _Weight(NamedTuple):
    """The counts of a selection set, with its fragments and the fields below it.

    `depth` leaves out the fields below introspection, which graphql-core limits itself. `results` estimates
    how many fields the result has if this is part of an introspection, and `introspected` is the sum for the
    introspections in it. `distinct` has the number of fields by response key, those below included; another
    field with the same key is repeated, with the fields below it.
    """

    depth: int
    aliases: int
    results: int
    introspected: int
    fields: int
    distinct: dict[str, int]

    @property
    def repeated(self) -> int:
        return self.fields - sum(self.distinct.values())


_NOTHING = _Weight(0, 0, 0, 0, 0, {})


def _weights(document: DocumentNode) -> Iterator[_Weight]:
    """The weight of each operation, and of each fragment that nothing spreads."""
    fragments: dict[str, FragmentDefinitionNode] = {}
    sets: list[SelectionSetNode] = []
    for definition in document.definitions:
        if isinstance(definition, FragmentDefinitionNode):
            name = definition.name.value
            if name in fragments:
                # Of two fragments with one name, only one would be weighed.
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
    """Weigh a set; `fragments` has those of its fragments that exist."""
    depth = aliases = results = introspected = fields = 0
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
        results += part.results
        introspected += part.introspected
        fields += part.fields
        for key, size in part.distinct.items():
            distinct.setdefault(key, size)
    return _Weight(depth, aliases, results, introspected, fields, distinct)


def _weigh_field(field: FieldNode, fragments: Mapping[str, _Weight]) -> _Weight:
    below = _NOTHING if field.selection_set is None else _weigh(field.selection_set, fragments)
    name = field.name.value
    begins = name in _INTROSPECTION
    # About half of the types on which `ofType` is selected wrap another type.
    below_results = below.results // 2 if name == "ofType" else below.results * _LIST_LENGTHS.get(name, 1)
    return _Weight(
        1 if begins else below.depth + 1,
        below.aliases + (field.alias is not None),
        below_results + 1,
        below.introspected + (below_results + 1 if begins else 0),
        below.fields + 1,
        {(field.alias or field.name).value: sum(below.distinct.values()) + 1},
    )
