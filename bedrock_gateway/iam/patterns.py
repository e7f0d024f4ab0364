"""Texts of a policy that stand for many: wildcards and policy variables, read once and compared with many values.

A text is read into tokens: literal runs, ``*``, ``?`` and variables. What a request puts in for a variable is a literal
run, so that no value of a request can ever act as a wildcard or shift the parts of an ARN. Matching takes time linear
in pattern and value for every pattern: a plain regular expression with many stars would not.

Sources: IAM User Guide, reference_policies_variables, reference_policies_elements_resource, reference-arns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache, partial

__all__ = [
    "Context",
    "Folded",
    "Matcher",
    "Template",
    "UndecidableError",
    "any_of",
    "bind",
    "compiled",
    "fold",
    "lookup",
    "matches",
    "tokens",
]

Context = Mapping[str, str | Sequence[str]]
"""Condition key → value(s) of one request. Names are compared without case; an absent key is absent."""

_ARN_COLONS = 5
_VARIABLE = re.compile(
    r"\$\{(?:(?P<literal>[*?$])|\s*(?P<name>[^,{}'*?$]*[^,{}'*?$\s])\s*(?:,\s*'(?P<default>[^']*)'\s*)?)\}"
)
_SPECIAL = re.compile(r"[*?]|\$\{")


class UndecidableError(ValueError):
    """AWS's documentation does not say what this policy means for this request; nothing is guessed."""


def any_of(outcomes: Iterable[Callable[[], bool]]) -> bool:
    """Whether one holds; what cannot be decided matters only where no other one holds."""
    doubt: UndecidableError | None = None
    for outcome in outcomes:
        try:
            if outcome():
                return True
        except UndecidableError as error:
            doubt = doubt or error
    if doubt:
        raise doubt
    return False


class Wild(Enum):
    """A wildcard."""

    ONE = "?"
    RUN = "*"


@dataclass(frozen=True, slots=True)
class Variable:
    """``${name, 'default'}``."""

    name: str
    """In lower case."""
    default: str | None


Token = str | Wild | Variable
Bound = tuple[str | Wild, ...]
"""Tokens whose variables are resolved."""
Matcher = Callable[[str], object]
"""Returns something true for a value that matches."""


class Folded(dict[str, tuple[str, ...]]):
    """A request's context with folded key names, each value a tuple."""


def fold(context: Context) -> Folded:
    """Return *context* ready for many comparisons. A key without any value is an absent key.

    Names that differ in case alone are one key with the values of all: tags ``team`` and ``Team`` of one resource.
    """
    if isinstance(context, Folded):
        return context
    folded = Folded()
    for name, value in context.items():
        values = (value,) if isinstance(value, str) else tuple(value)
        if values:
            key = name.casefold()
            folded[key] = folded[key] + values if key in folded else values
    return folded


def lookup(context: Folded, key: str) -> tuple[str, ...] | None:
    """Values of *key* in *context*, or None where the key is absent."""
    return context.get(key.casefold())


@lru_cache(maxsize=4096)
def tokens(text: str, *, variables: bool) -> tuple[Token, ...]:
    """Read *text*; *variables* is False where ``${`` is text: in version 2008-10-17, and in actions.

    Raises:
        UndecidableError: what follows ``${`` is no variable.
    """
    return tuple(_read(text, variables=variables))


def _read(text: str, *, variables: bool) -> Iterator[Token]:
    at, literal = 0, ""
    for special in _SPECIAL.finditer(text):
        if special.start() < at:
            continue
        if special[0] == "${" and not variables:
            continue
        literal += text[at : special.start()]
        if special[0] == "${":
            found = _VARIABLE.match(text, special.start())
            if found is None:
                raise UndecidableError(f"{text[special.start() :][:80]!r} does not start with a policy variable")
            at = found.end()
            if found["literal"]:
                literal += found["literal"]
                continue
            token: Token = Variable(found["name"].casefold(), found["default"])
        else:
            at, token = special.end(), Wild(special[0])
        if literal:
            yield literal
        yield token
        literal = ""
    if literal := literal + text[at:]:
        yield literal


def _value(variable: Variable, context: Folded) -> str | None:
    """What stands for *variable*; None where it has no value."""
    values = context.get(variable.name)
    if values is None:
        return variable.default
    if len(values) > 1:
        raise UndecidableError(f"{variable.name} has several values, and such a key is no policy variable")
    if not values[0]:
        raise UndecidableError(f"{variable.name} is empty, and whether a variable then has no value is not documented")
    return values[0]


def bind(read: Sequence[Token], context: Folded) -> Bound | None:
    """Put the request's values in for the variables; None where one has neither a value nor a default.

    Raises:
        UndecidableError: a variable has several values, or an empty one.
    """
    out: list[str | Wild] = []
    missing = False
    for token in read:
        if not isinstance(token, Variable):
            out.append(token)
        elif (value := _value(token, context)) is None:
            missing = True
        else:
            out.append(value)
    return None if missing else tuple(out)


def _pieces(bound: Bound) -> list[str]:
    """Regular expressions of what stands between the stars; each has a fixed length."""
    pieces = [""]
    for token in bound:
        if token is Wild.RUN:
            pieces.append("")
        else:
            pieces[-1] += "." if isinstance(token, Wild) else re.escape(token)
    return pieces


def _source(bound: Bound) -> str:
    """Return a regular expression in which a star is any run of characters, colons included."""
    head, *rest = _pieces(bound)
    if not rest:
        return head
    # Each piece as early as it can be, and never again later (atomic): nothing is tried twice.
    *middle, tail = rest
    found = "".join(f"(?>.*?{piece})" for piece in middle if piece)
    return f"{head}{found}.*{tail}"


@lru_cache(maxsize=8192)
def compiled(bounds: tuple[Bound, ...]) -> Matcher:
    """Return the test whether a value matches one of *bounds*."""
    if any(bound == (Wild.RUN,) for bound in bounds):
        return _anything
    if all(isinstance(token, str) for bound in bounds for token in bound):
        return frozenset("".join(map(str, bound)) for bound in bounds).__contains__
    return re.compile("|".join(map(_source, bounds)), re.DOTALL).fullmatch


def _anything(_value: str) -> bool:
    return True


@lru_cache(maxsize=8192)
def _kept_in_parts(bound: Bound) -> Matcher | None:
    """Return the test for a ``Resource`` with a wildcard that keeps to its part of the ARN; None where it has none.

    Before the fifth colon a wildcard stays within its part, except that a star which ends its part may run over the
    colons (IAM User Guide, reference_policies_elements_resource); the rest is one part.
    """
    if not _wild_before_the_last_part(bound):
        return None
    flat = _flattened(bound)
    colons = [at for at, (token, _) in enumerate(flat) if token == ":"]
    fifth = colons[_ARN_COLONS - 1] if len(colons) >= _ARN_COLONS else len(flat)
    states = [
        (token, at < fifth and (token is Wild.ONE or (token is Wild.RUN and not last)))
        for at, (token, last) in enumerate(flat)
    ]
    return partial(_walk, states) if any(within for _, within in states) else None


def _wild_before_the_last_part(bound: Bound) -> bool:
    colons = 0
    for token in bound:
        if isinstance(token, Wild):
            return colons < _ARN_COLONS
        colons += token.count(":")
    return False


def _flattened(bound: Bound) -> list[tuple[str | Wild, bool]]:
    """Character by character, each with whether it ends its part."""
    flat: list[str | Wild] = [one for token in bound for one in ((token,) if isinstance(token, Wild) else token)]
    return [(token, at + 1 == len(flat) or flat[at + 1] == ":") for at, token in enumerate(flat)]


def _walk(states: Sequence[tuple[str | Wild, bool]], value: str) -> bool:
    """Follow every way at once: bit n of *here* says that the pattern so far matches the first n characters."""
    places: dict[str, int] = {}
    for at, one in enumerate(value):
        places[one] = places.get(one, 0) | 1 << at
    characters = (1 << len(value)) - 1
    inside = characters & ~places.get(":", 0)
    here = 1
    for token, within in states:
        if token is Wild.RUN:
            # Adding carries each bit up to the end of its run of characters that are no colon.
            here = here | (((here & inside) + inside) ^ inside) if within else (2 << len(value)) - (here & -here)
        elif token is Wild.ONE:
            here = (here & (inside if within else characters)) << 1
        else:
            here = (here & places.get(str(token), 0)) << 1
        if not here:
            return False
    return bool(here >> len(value) & 1)


class Template:
    """One value of ``Resource``, of ``Action`` or of a condition, ready to be compared."""

    __slots__ = ("_arn", "bound", "text", "tokens")

    def __init__(self, text: str, *, variables: bool, arn: bool = False) -> None:
        """*arn* is for ``Resource``, where wildcards keep to the parts of an ARN.

        Raises:
            UndecidableError: *text* has a malformed variable, or one where an ARN may have none.
        """
        self.text = text
        self.tokens = tokens(text, variables=variables)
        self._arn = arn
        if arn:
            _only_in_the_last_part(text, self.tokens)
        plain = tuple(token for token in self.tokens if not isinstance(token, Variable))
        self.bound = plain if len(plain) == len(self.tokens) else None
        """The tokens where none is a variable."""

    @property
    def plain(self) -> Bound | None:
        """The tokens if they can be compared together with those of other templates, by `compiled`."""
        return None if self.bound is None or (self._arn and _kept_in_parts(self.bound)) else self.bound

    def matches(self, value: str, context: Folded) -> bool:
        """Whether *value* matches; a variable without a value matches nothing.

        Raises:
            UndecidableError: a variable has several values, or an empty one.
        """
        bound = bind(self.tokens, context) if self.bound is None else self.bound
        if bound is None:
            return False
        test = (_kept_in_parts(bound) if self._arn else None) or compiled((bound,))
        return bool(test(value))


def _only_in_the_last_part(text: str, read: Sequence[Token]) -> None:
    """Refuse a variable before the fifth colon: AWS allows none there, and does not say what one would do."""
    colons = 0
    for token in read:
        if isinstance(token, Variable) and colons < _ARN_COLONS and text.startswith("arn:"):
            raise UndecidableError(f"{text!r} has a variable before the fifth colon of the ARN")
        colons += token.count(":") if isinstance(token, str) else 0


@lru_cache(maxsize=8192)
def matches(pattern: str, value: str) -> bool:
    """Whether *value* matches *pattern*, in which ``*`` is any run of characters and ``?`` any one."""
    read = tokens(pattern, variables=False)
    return bool(compiled((tuple(token for token in read if not isinstance(token, Variable)),))(value))
