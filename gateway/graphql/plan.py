"""A compiled operation, executed by plain calls instead of graphql-core's executor.

A plan calls the same resolvers and serializers as the executor, without Strawberry's wrappers around them;
`gateway.graphql.compiler` finds them in the schema. The async fields of an object are awaited concurrently;
all other values need no coroutine.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import strawberry
from graphql import (
    ExecutionResult,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    get_argument_values,
    is_non_null_type,
    located_error,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path, gather_with_cancel, is_awaitable
from strawberry.types.field import StrawberryField

from loaders.errors import forget_frames
from resolvers.context import Context
from resolvers.required_benefits import CompiledInfo

# Makes the value of a response from the value that a resolver returned.
Complete = Callable[[Any], Any]
# How long an operation completes fields before other requests have a turn.
TURN_SECONDS = 0.001
# The resolver of an async field.
ResolveRoot = Callable[..., Awaitable[Any]]


class FieldFailed(Exception):
    """A field below a field of the query failed; `path` leads to it."""

    def __init__(self, error: Exception, nodes: list[FieldNode], *path: str | int) -> None:
        self.error = error
        self.nodes = nodes
        self.path = list(path)


@dataclass(frozen=True, slots=True)
class Root:
    """An async field, its resolver and the completion of the object, or of each item, that it returns.

    `field` has the arguments that depend on variables, and `constants` the values of the others; `texts` has
    those of the constants that are the text of a string in the document. `names` has the names of the
    resolver's parameters. `below` has the async fields of the object by response key. `memo` is for the
    resolver (see `CompiledInfo`). A list has nullable items.
    """

    name: str
    parent: GraphQLObjectType
    field: GraphQLField
    nodes: list[FieldNode]
    definition: StrawberryField
    resolve: ResolveRoot
    names: dict[str, str]
    constants: dict[str, Any]
    texts: dict[str, str]
    complete: Complete
    below: dict[str, "Root"]
    memo: dict[str, Any]
    is_list: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """The fields of an operation by response key; for `__typename`, the name of the query's type."""

    schema: GraphQLSchema
    query: GraphQLObjectType
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    roots: dict[str, Root | str]

    @property
    def is_flat(self) -> bool:
        """Whether only fields of the query are async, so that each of them asks for one summary."""
        return not any(root.below for root in self.roots.values() if isinstance(root, Root))

    def takes_all(self, strings: int) -> bool:
        """Whether fields of the query take all strings of the document as arguments, `strings` in number."""
        roots = [root for root in self.roots.values() if isinstance(root, Root)]
        return self.is_flat and sum(len(root.texts) for root in roots) == strings

    async def execute(
        self, variables: VariableValues, context: Context, replaced: dict[str, str]
    ) -> ExecutionResult:
        """Return the result that graphql-core's executor would return.

        If the document has other strings than the compiled one, `replaced` has the new text of each.
        """
        execution = _Execution(self, variables, context, replaced, [])
        fields = [
            execution.nullable(Path(None, key, self.query.name), root)
            for key, root in self.roots.items()
            if isinstance(root, Root)
        ]
        try:
            values = iter([await fields[0]] if len(fields) == 1 else await asyncio.gather(*fields))
        except asyncio.CancelledError:
            # Nothing renders these errors, and their frames refer to this execution.
            for error in execution.errors:
                forget_frames(error)
            raise
        data = {key: next(values) if isinstance(root, Root) else root for key, root in self.roots.items()}
        return ExecutionResult(data, execution.errors or None)


@dataclass(slots=True)
class _Execution:
    """One execution of a plan; the errors of fields that are null are added to `errors`.

    `turn_ends` is when other requests have a turn, in seconds of the performance counter; 0 before the first
    turn.
    """

    plan: Plan
    variables: VariableValues
    context: Context
    replaced: dict[str, str]
    errors: list[GraphQLError]
    turn_ends: float = 0.0

    async def nullable(self, path: Path, root: Root) -> Any:
        """The value of a field of the query; None if it failed."""
        try:
            return await self._value(path, root, None, alone=True)
        except GraphQLError as error:
            self.errors.append(error)
            return None

    async def _value(self, path: Path, root: Root, source: Any, *, alone: bool) -> Any:
        """The value of a field; raises the located error of the field, or of a field below it.

        A field that is not `alone` takes no turns: of two fields that make the same object null, the error of
        the first to fail is reported, and a turn would change which one that is.
        """
        try:
            values = get_argument_values(root.field, root.nodes[0], self.variables)
            arguments = {root.names[name]: value for name, value in values.items()}
            if self.replaced:
                arguments |= {name: self.replaced[text] for name, text in root.texts.items()}
            info = strawberry.Info(self._info(path, root), root.definition)
            value = await root.resolve(source, info=info, **(root.constants | arguments))
            if value is None:
                if is_non_null_type(root.field.type):
                    name = f"{root.parent.name}.{root.name}"
                    raise TypeError(f"Cannot return null for non-nullable field {name}.")
                return None
            if alone:
                await self._take_turn()
            if root.is_list:
                items = []
                for n, item in enumerate(value):
                    items.append(self._item(path.add_key(n, None), root, item))
                    if alone:
                        await self._take_turn()
                return items
            completed = root.complete(value)
            if root.below:
                completed |= await self._below(path, root, value, alone=alone and len(root.below) == 1)
            return completed
        except Exception as error:
            raise _located(error, path, root) from None

    async def _take_turn(self) -> None:
        """Wait while other requests have a turn, if the turn of this one has ended."""
        while time.perf_counter() >= self.turn_ends:
            ends = self.turn_ends
            if ends:
                await asyncio.sleep(0)
            # The first field that continues begins the next turn; the others continue within this turn.
            if ends == self.turn_ends:
                self.turn_ends = time.perf_counter() + TURN_SECONDS
                return

    async def _below(self, path: Path, root: Root, source: Any, *, alone: bool) -> dict[str, Any]:
        fields = (
            self._value(path.add_key(key, below.parent.name), below, source, alone=alone)
            for key, below in root.below.items()
        )
        return dict(zip(root.below, await gather_with_cancel(*fields), strict=True))

    def _item(self, path: Path, root: Root, item: Any) -> Any:
        """An item of a list; None if it is an error, or a field below it failed."""
        try:
            if isinstance(item, Exception):
                raise item
            return None if item is None else root.complete(item)
        except Exception as error:
            self.errors.append(_located(error, path, root))
            return None

    def _info(self, path: Path, root: Root) -> CompiledInfo:
        info = CompiledInfo(
            root.name,
            root.nodes,
            root.field.type,
            root.parent,
            path,
            self.plan.schema,
            self.plan.fragments,
            None,
            self.plan.operation,
            self.variables,
            self.context,
            is_awaitable,
            None,
            None,  # type: ignore[arg-type]  # the executor, which our resolvers do not use
        )
        info.memo = root.memo
        return info


def _located(error: Exception, path: Path, root: Root) -> GraphQLError:
    if isinstance(error, FieldFailed):
        return located_error(error.error, error.nodes, [*path.as_list(), *error.path])
    return located_error(error, root.nodes, path.as_list())


def position(data: Any, error: GraphQLError) -> list[int]:
    """The place of an error in the data: the position of each key of its path, down to the null."""
    position = []
    for key in error.path or ():
        if data is None:
            break
        position.append(key if isinstance(key, int) else list(data).index(key))
        data = data[key]
    return position
