"""Whether a statement's condition block holds for a request.

A block holds if every operator and every key in it holds; several values of one key are alternatives, for a negated
operator none of them may match. What AWS does not document is refused with `UndecidableError`, unless the rest of the
block decides without it:

- an operator or qualifier that does not exist, ``IfExists`` or a qualifier on ``Null``;
- a value that is not of its operator's type (see `operators`);
- a key with several values under an operator without ``ForAllValues`` or ``ForAnyValue``;
- a malformed policy variable, or one whose key has several values or an empty one; a variable in a condition key;
- ``Null`` on a key whose value is empty.

Sources: IAM User Guide, reference_policies_elements_condition_operators, …_condition-single-vs-multi-valued-context-keys
and reference_policies_variables.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bedrock_gateway.iam.operators import NEGATED, OPERATORS, Test, operator, reading, truth
from bedrock_gateway.iam.patterns import Context, Folded, UndecidableError, any_of, fold, lookup, matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    Block = Sequence[tuple[str, Sequence[tuple[str, Sequence[str]]]]]
    """Operator → key → values, as a `Statement` holds them."""

__all__ = [
    "NEGATED",
    "OPERATORS",
    "Clause",
    "Context",
    "Folded",
    "Refused",
    "UndecidableError",
    "any_of",
    "block_holds",
    "compile_block",
    "fold",
    "holds",
    "lookup",
    "matches",
    "operator",
]


class Clause:
    """One operator on one key."""

    __slots__ = ("_operator", "_tests", "key", "name", "values")

    def __init__(self, name: str, key: str, values: Sequence[str], *, variables: bool) -> None:
        self.name, self.key, self.values = name, key, values
        self._operator = operator(name)
        if "${" in key and variables:
            raise UndecidableError(f"the condition key {key[:80]!r} has a variable, which only values may have")
        self._tests = [self._test(value, variables) for value in values]

    def _test(self, value: str, variables: bool) -> Test:
        if self._operator.bare == "null":
            wanted = reading(truth, value, "true or false")
            return lambda _, context: (lookup(context, self.key) is None) is wanted
        try:
            return OPERATORS[self._operator.bare](value, variables)
        except UndecidableError as error:
            return _raiser(error)

    def holds(self, context: Folded) -> bool:
        """Whether the clause holds.

        Raises:
            UndecidableError: the documentation does not say.
        """
        given, how = lookup(context, self.key), self._operator
        if how.bare == "null":
            if given and not any(given):
                raise UndecidableError(f"{self.key} is empty, and whether Null takes that for absent is not documented")
            return any(test("", context) for test in self._tests)
        if how.qualifier and given is not None and not any(given):
            given = None  # "…or if the context key value resolves to a null dataset, such as an empty string"
        if given is None:
            return how.if_exists or how.qualifier == "forallvalues" or (how.negated and not how.qualifier)
        if how.qualifier:
            return self._holds_for_set(given, context)
        if len(given) > 1:
            raise UndecidableError(f"{self.key} has several values, and {self.name} needs ForAllValues or ForAnyValue")
        return self._matches(given[0], context) is not how.negated

    def _holds_for_set(self, given: tuple[str, ...], context: Folded) -> bool:
        """ForAllValues is that no value fails, so both are a question of one value."""
        every = self._operator.qualifier == "forallvalues"
        sought = self._operator.negated is every
        return any_of(partial(self._is, value, context, sought) for value in given) is not every

    def _is(self, value: str, context: Folded, sought: bool) -> bool:
        return self._matches(value, context) is sought

    def _matches(self, value: str, context: Folded) -> bool:
        """Whether *value* matches one of the policy's."""
        if len(self._tests) == 1:
            return self._tests[0](value, context)
        return any_of(partial(test, value, context) for test in self._tests)


def _raiser(error: UndecidableError) -> Test:
    def test(_value: str, _context: Folded) -> bool:
        raise error

    return test


class Refused:
    """A clause that cannot be judged for any request."""

    __slots__ = ("_error", "key", "name", "values")

    def __init__(self, name: str, key: str, values: Sequence[str], error: UndecidableError) -> None:
        self.name, self.key, self.values, self._error = name, key, values, error

    def holds(self, _context: Folded) -> bool:
        """Raise.

        Raises:
            UndecidableError: always.
        """
        raise self._error


def compile_block(conditions: Block, *, variables: bool) -> tuple[Clause | Refused, ...]:
    """Read a condition block once, for many requests."""
    return tuple(_clause(name, key, values, variables=variables) for name, keys in conditions for key, values in keys)


def _clause(name: str, key: str, values: Sequence[str], *, variables: bool) -> Clause | Refused:
    try:
        return Clause(name, key, values, variables=variables)
    except UndecidableError as error:
        return Refused(name, key, values, error)


def holds(conditions: Block, context: Context, *, variables: bool = True) -> bool:
    """Whether a statement's whole condition block holds for *context*.

    *variables* is False for documents of version 2008-10-17, in which ``${…}`` is literal text.

    Raises:
        UndecidableError: the documentation does not say.
    """
    return block_holds(compile_block(conditions, variables=variables), fold(context))


def block_holds(block: Sequence[Clause | Refused], context: Folded) -> bool:
    """Whether every clause holds; one that does not decides, whatever cannot be judged beside it.

    Raises:
        UndecidableError: the documentation does not say.
    """
    return not any_of(partial(_fails, clause, context) for clause in block)


def _fails(clause: Clause | Refused, context: Folded) -> bool:
    return not clause.holds(context)
