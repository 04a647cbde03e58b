"""The mutants of a file: mutmut's operators, and those that it lacks, for whole modules and not for functions alone."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise

import libcst as cst
import libcst.matchers as m
from libcst.metadata import CodeRange, MetadataWrapper, PositionProvider
from mutmut.mutation import mutators

_SPEECH = frozenset({"log", "warnings"})  # what is told to people; tests that read it would be a nuisance
_SYMMETRIC = frozenset({"min", "max", "gcd"})  # to swap their arguments changes nothing
_ASSERTIONS = frozenset({"strict"})  # of zip: where the lengths differ is a fault already
_NO_BEHAVIOUR = frozenset({"TypeVar", "get_logger", "cast", "ParamSpec"})


def _texts(node: cst.BaseString) -> Iterable[cst.BaseString]:
    """A name, a key, an option becomes another. Sentences are for people: not theirs."""
    if isinstance(node, cst.SimpleString) and " " not in node.value:
        yield from list(mutators.operator_string(node))[:1]


def _numbers(node: cst.BaseNumber) -> Iterable[cst.CSTNode]:
    yield from mutators.operator_number(node)


def _arguments(node: cst.Call) -> Iterable[cst.Call]:
    """An argument is left out where it has a name, becomes None where it has none, or changes place with the next."""
    for i, argument in enumerate(node.args):
        rest = [*node.args[:i], *node.args[i + 1 :]]
        if argument.keyword is not None and argument.keyword.value not in _ASSERTIONS:
            yield node.with_changes(args=rest)
        elif (
            argument.keyword is None
            and not argument.star
            and not m.matches(argument.value, m.Name("None") | m.Name("False"))
        ):
            none = argument.with_changes(value=cst.Name("None"))
            yield node.with_changes(args=[*node.args[:i], none, *node.args[i + 1 :]])
    if isinstance(node.func, cst.Name) and node.func.value in _SYMMETRIC:
        return
    plain = [i for i, a in enumerate(node.args) if not a.star and not (a.keyword and a.keyword.value in _ASSERTIONS)]
    for i, j in pairwise(plain):
        one, other = node.args[i], node.args[j]
        if not one.value.deep_equals(other.value) and (one.keyword is None) == (other.keyword is None):
            args = list(node.args)
            args[i], args[j] = one.with_changes(value=other.value), other.with_changes(value=one.value)
            yield node.with_changes(args=args)


def _statement(node: cst.SimpleStatementLine) -> Iterable[cst.SimpleStatementLine]:
    """A call that is made for its effect is left out, such as a flush."""
    [*_, last] = node.body
    call = last.value if isinstance(last, cst.Expr) else None
    call = call.expression if isinstance(call, cst.Await) else call
    if len(node.body) == 1 and isinstance(call, cst.Call):
        yield node.with_changes(body=[cst.Pass()])


def _condition(node: cst.If | cst.While) -> Iterable[cst.CSTNode]:
    """A condition that is turned around."""
    lpar, rpar = [cst.LeftParen()], [cst.RightParen()]
    inner = node.test.with_changes(lpar=[*lpar, *node.test.lpar], rpar=[*node.test.rpar, *rpar])
    yield node.with_changes(test=cst.UnaryOperation(operator=cst.Not(), expression=inner))


OPERATORS: mutators.OPERATORS_TYPE = [
    (cst.BaseNumber, _numbers),
    (cst.BaseString, _texts),
    (cst.Name, mutators.operator_name),
    (cst.Assign, mutators.operator_assignment),
    (cst.AugAssign, mutators.operator_augmented_assignment),
    (cst.UnaryOperation, mutators.operator_remove_unary_ops),
    (cst.Call, _arguments),
    (cst.Call, mutators.operator_symmetric_string_methods_swap),
    (cst.Call, mutators.operator_unsymmetrical_string_methods_swap),
    (cst.CSTNode, mutators.operator_keywords),
    (cst.CSTNode, mutators.operator_swap_op),
    (cst.IfExp, mutators.operator_if_exp),
    (cst.SimpleStatementLine, _statement),
    (cst.If, _condition),
    (cst.While, _condition),
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutation:
    """A changed file, below src/reelmill; `line` and `last_line` are of what was changed, from 1."""

    file: str
    line: int
    last_line: int
    in_function: bool
    before: str
    after: str
    id: str
    source: str = field(repr=False)

    @property
    def room(self) -> str:
        """The folder or module that it belongs to."""
        return self.file.partition("/")[0].removesuffix(".py")

    @property
    def module(self) -> str:
        """Its dotted name."""
        return "reelmill." + self.file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")

    @property
    def shown(self) -> str:
        """One line for people."""
        return f"{self.id} {self.file}:{self.line}: {self.before}  →  {self.after}"


class _Finder(cst.CSTVisitor):
    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self) -> None:
        self.found: list[tuple[cst.CSTNode, cst.CSTNode, CodeRange, str]] = []
        self._within: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, (cst.Annotation, cst.Decorator, cst.Import, cst.ImportFrom, cst.Assert)) or _told(node):
            return False
        if isinstance(node, cst.SimpleStatementLine) and _declares(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._within.append(("" if isinstance(node, cst.ClassDef) else "()") + node.name.value)
        for kind, operator in OPERATORS:
            if isinstance(node, kind):
                where = self.get_metadata(PositionProvider, node, None)
                if where is not None:
                    place = ".".join(self._within)
                    for changed in operator(node):
                        self.found.append((node, changed, where, place))
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._within.pop()


def _told(node: cst.CSTNode) -> bool:
    """Lines for a log."""
    return (
        isinstance(node, cst.Call)
        and isinstance(node.func, cst.Attribute)
        and isinstance(node.func.value, cst.Name)
        and node.func.value.value in _SPEECH
    )


def _declares(node: cst.SimpleStatementLine) -> bool:
    """Docstrings, __all__, type variables, loggers: nothing that a program does."""
    [*_, last] = node.body
    if isinstance(last, cst.Expr):
        return isinstance(last.value, cst.BaseString)
    if not isinstance(last, cst.Assign):
        return False
    target, value = last.targets[0].target, last.value
    if isinstance(target, cst.Name) and target.value == "__all__":
        return True
    return isinstance(value, cst.Call) and isinstance(value.func, cst.Name) and value.func.value in _NO_BEHAVIOUR


def mutations(name: str, code: str) -> Iterator[Mutation]:
    """All mutants of a file that are Python; two that read the same are one."""
    return filter(is_python, drafts(name, code))


def is_python(mutation: Mutation) -> bool:
    """Whether it can be compiled, which takes longer than to make it."""
    try:
        compile(mutation.source, mutation.file, "exec")
    except SyntaxError:
        return False
    return True


def drafts(name: str, code: str) -> Iterator[Mutation]:
    """All mutants of a file, and some that are no Python."""
    wrapper = MetadataWrapper(cst.parse_module(code))
    finder = _Finder()
    wrapper.visit(finder)
    seen: set[str] = set()
    twins: Counter[str] = Counter()
    lines = code.splitlines()
    offsets = [0]
    for line in code.splitlines(keepends=True):
        offsets.append(offsets[-1] + len(line))
    for node, changed, where, place in finder.found:
        start, end = (offsets[at.line - 1] + at.column for at in (where.start, where.end))
        whole = wrapper.module.code_for_node(node).strip()
        start -= max(0, whole.find(code[start:end]))  # its parentheses belong to it, and are not counted
        if code[start : start + len(whole)] == whole:
            source = code[:start] + wrapper.module.code_for_node(changed).strip() + code[start + len(whole) :]
        else:  # a comment above belongs to it: slower, and right
            replaced = wrapper.module.deep_replace(node, changed)
            assert isinstance(replaced, cst.Module)
            source = replaced.code
        if source == code or source in seen:
            continue
        seen.add(source)
        before, after = _difference(lines, source.splitlines())
        key = f"{name}|{place}|{before}|{after}"
        twins[key] += 1
        digest = hashlib.sha256(f"{key}#{twins[key] - 1}".encode()).hexdigest()[:10]
        yield Mutation(
            file=name,
            line=where.start.line,
            last_line=where.end.line,
            in_function="()" in place,
            before=before,
            after=after,
            id=digest,
            source=source,
        )


def _difference(old: list[str], new: list[str]) -> tuple[str, str]:
    """The lines that differ, without those that begin and end alike."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    one, other = old[start : len(old) - end], new[start : len(new) - end]
    return " ⏎ ".join(line.strip() for line in one), " ⏎ ".join(line.strip() for line in other)
