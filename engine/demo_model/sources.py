"""What the demo model sees in files: lines, sections, functions, a wrong operator. Pure."""

import ast
import operator
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_NUMBERED = re.compile(r"^\s*\d+(?:\t|→)(.*)$")
_OPERATORS: dict[type[ast.operator], tuple[str, Callable[[float, float], float]]] = {
    ast.Add: ("+", operator.add),
    ast.Sub: ("-", operator.sub),
    ast.Mult: ("*", operator.mul),
    ast.Div: ("/", operator.truediv),
}


def unnumbered(shown: str) -> str:
    """The text of a file as the Read tool shows it, without its line numbers."""
    lines = (_NUMBERED.match(line) for line in shown.split("\n"))
    return "\n".join(line.group(1) for line in lines if line)


def last_lines(text: str) -> str:
    """The shortest end of a text, in whole lines, that occurs in it only once."""
    lines = text.rstrip("\n").split("\n")
    for first in range(len(lines) - 1, -1, -1):
        end = "\n".join(lines[first:])
        if end.strip() and text.count(end) == 1:
            return end
    return ""


@dataclass(frozen=True)
class Section:
    """A part of a Markdown file."""

    title: str
    first: str  # its first sentence of prose, "" without one


def sections(markdown: str) -> tuple[Section, ...]:
    """The headed parts of a Markdown text, in order."""
    parts = re.split(r"^#{1,6}[ \t]+(.+?)[ \t#]*$", markdown, flags=re.MULTILINE)
    return tuple(Section(parts[n], _sentence(parts[n + 1])) for n in range(1, len(parts), 2))


def _sentence(text: str) -> str:
    prose = re.sub(r"```.*?(?:```|\Z)", "", text, flags=re.DOTALL).strip()
    return re.split(r"(?<=[.!?])\s|\n\s*\n", prose, maxsplit=1)[0].replace("\n", " ").strip()


def functions(python: str) -> tuple[tuple[str, str], ...]:
    """Names and first docstring lines of a module's functions; raises SyntaxError."""
    return tuple(
        (node.name, (ast.get_docstring(node) or "").split("\n")[0])
        for node in ast.parse(python).body
        if isinstance(node, ast.FunctionDef)
    )


@dataclass(frozen=True)
class Repair:
    """A function with one operator to be changed."""

    function: str
    old: str
    new: str


def repair(module: str, test: str) -> Repair | None:
    """The operator that the test's expectations contradict, and the only one that meets them.

    Understands functions that return one operation on their two arguments, and expectations of
    the form `assertEqual(module.function(1, 2), 3)`; None when nothing of that kind is wrong.
    Raises SyntaxError.
    """
    expected = list(_expectations(ast.parse(test)))
    for node in ast.parse(module).body:
        if isinstance(node, ast.FunctionDef) and (found := _operation(node)):
            cases = [case[1:] for case in expected if case[0] == node.name]
            sign, fitting = found[0], _fitting(cases)
            if cases and sign not in fitting and len(fitting) == 1:
                lines = module.split("\n")[node.lineno - 1 : found[1]]
                mended = [*lines[:-1], lines[-1].replace(sign, fitting[0])]
                return Repair(node.name, "\n".join(lines), "\n".join(mended))
    return None


def _operation(node: ast.FunctionDef) -> tuple[str, int] | None:
    match node.body[-1]:
        case ast.Return(value=ast.BinOp(ast.Name(), sign, ast.Name()), lineno=line):
            known = _OPERATORS.get(type(sign))
            return (known[0], line) if known else None
    return None


def _expectations(test: ast.Module) -> Iterator[tuple[str, float, float, float]]:
    for node in ast.walk(test):
        match node:
            case ast.Call(
                func=ast.Attribute(attr="assertEqual"),
                args=[
                    ast.Call(
                        func=ast.Attribute(attr=name),
                        args=[ast.Constant(value=int(left)), ast.Constant(value=int(right))],
                    ),
                    ast.Constant(value=int(result)),
                ],
            ):
                yield name, left, right, result


def _fitting(cases: list[tuple[float, float, float]]) -> list[str]:
    return [
        sign
        for sign, apply in _OPERATORS.values()
        if all(right or sign != "/" for _, right, _ in cases)
        and all(apply(left, right) == result for left, right, result in cases)
    ]
