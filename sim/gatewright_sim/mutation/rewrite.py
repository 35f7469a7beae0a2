"""Where a source could be mutated: expressions and statements of the hardware description, turned into calls.

``left == 1`` becomes ``__mutation__.compare(SITE, "==", left, 1)``, and so on for each method of
:class:`.operators.Operators`, which sees the operands when the design is elaborated: whether they are hardware at all,
and how wide. What is evaluated is evaluated once, as it stands in the source.
"""

from __future__ import annotations

import ast
from collections import Counter

__all__ = ["RUNTIME", "rewrite"]

RUNTIME = "__mutation__"
"""The name by which a rewritten module knows its :class:`.operators.Operators`."""

_BINARY: dict[type[ast.operator], str] = {ast.BitAnd: "&", ast.BitOr: "|", ast.BitXor: "^", ast.Add: "+", ast.Sub: "-"}
_COMPARED: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
}
_METHODS = ("any", "all", "as_signed", "as_unsigned")
_CONDITIONS = ("If", "Elif")


class _Rewriter(ast.NodeTransformer):
    """Bodies of functions alone are rewritten: what stands outside of them is shapes and constants."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._scope: list[str] = []
        self._inside = 0
        self._count: Counter[tuple[str, str, str]] = Counter()
        self._read: set[int] = set()
        """Nodes whose value is read, never assigned to."""
        self.lines: dict[str, int] = {}

    def _call(self, method: str, node: ast.AST, *arguments: ast.expr) -> ast.expr:
        site = ast.Constant(self._site(method, node))
        function = ast.Attribute(ast.Name(RUNTIME, ast.Load()), method, ast.Load())
        return ast.copy_location(ast.Call(function, [site, *arguments], []), node)

    def _site(self, method: str, node: ast.AST) -> str:
        """A name that outlives changes elsewhere in the file: function, text, and which of the equal ones."""
        scope, text = ".".join(self._scope), " ".join(ast.unparse(node).split())
        self._count[method, scope, text] += 1
        number = self._count[method, scope, text]
        name = f"{self._file}: {scope}: {text}" + (f" #{number}" if number > 1 else "")
        self.lines[name] = node.lineno  # type: ignore[attr-defined]
        return name

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        self._scope.append(node.name)
        self.generic_visit(node)
        self._scope.pop()
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self._scope.append(node.name)
        self._inside += 1
        node.body = self._body(node.body)
        self._inside -= 1
        self._scope.pop()
        return node

    def visit_match_case(self, node: ast.match_case) -> ast.AST:
        """A pattern is no expression."""
        node.body = self._body(node.body)
        return node

    def _body(self, statements: list[ast.stmt]) -> list[ast.stmt]:
        body: list[ast.stmt] = []
        for statement in statements:
            changed = self.visit(statement)
            body += changed if isinstance(changed, list) else [changed]
        return body

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        if not self._inside or type(node.op) not in _BINARY:
            return self.generic_visit(node)
        self._read |= {id(node.left), id(node.right)}
        call = self._call("binary", node, ast.Constant(_BINARY[type(node.op)]), node.left, node.right)
        return self.generic_visit(call)

    def visit_Compare(self, node: ast.Compare) -> ast.AST:
        if not self._inside or len(node.ops) > 1 or type(node.ops[0]) not in _COMPARED:
            return self.generic_visit(node)
        right = node.comparators[0]
        self._read |= {id(node.left), id(right)}
        return self.generic_visit(
            self._call("compare", node, ast.Constant(_COMPARED[type(node.ops[0])]), node.left, right)
        )

    def visit_UnaryOp(self, node: ast.UnaryOp) -> ast.AST:
        if not self._inside or not isinstance(node.op, ast.Invert):
            return self.generic_visit(node)
        self._read.add(id(node.operand))
        return self.generic_visit(self._call("invert", node, node.operand))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        if not self._inside or id(node) not in self._read or not isinstance(node.ctx, ast.Load):
            return self.generic_visit(node)
        index = node.slice
        if isinstance(index, ast.Slice):
            ends = [part or ast.Constant(None) for part in (index.lower, index.upper, index.step)]
            index = ast.copy_location(ast.Call(ast.Name("slice", ast.Load()), ends, []), node)
        return self.generic_visit(self._call("part", node, node.value, index))

    def visit_Call(self, node: ast.Call) -> ast.AST:
        if not self._inside or node.keywords:
            return self.generic_visit(node)
        function, arguments = node.func, node.args
        self._read |= {id(argument) for argument in arguments if _reads(function)}
        if isinstance(function, ast.Attribute):
            if function.attr == "eq" and len(arguments) == 1:
                return self.generic_visit(self._call("assigned", node, function.value, arguments[0]))
            if function.attr in _CONDITIONS and len(arguments) == 1:
                node.args = [self._call("condition", node, arguments[0])]
            elif function.attr in _METHODS and not arguments:
                self._read.add(id(function.value))
                return self.generic_visit(self._call("method", node, ast.Constant(function.attr), function.value))
        elif isinstance(function, ast.Name) and function.id == "Mux" and len(arguments) == 3:
            return self.generic_visit(self._call("chosen", node, *arguments))
        return self.generic_visit(node)

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST | list[ast.stmt]:
        """``m.d.sync += [a, b]``: each of them may be left out."""
        target = node.target
        if not (self._inside and isinstance(node.op, ast.Add) and _is_domain(target)):
            return self.generic_visit(node)
        assert isinstance(target, ast.Attribute)
        assert isinstance(target.value, ast.Attribute)
        listed = isinstance(node.value, ast.List)
        changed: list[ast.stmt] = []
        for statement in node.value.elts if isinstance(node.value, ast.List) else [node.value]:
            text = ast.copy_location(ast.Expr(statement), statement)
            value = ast.List([statement], ast.Load()) if listed else statement
            call = self._call("statement", text, target.value.value, ast.Constant(target.attr), value)
            changed.append(ast.copy_location(ast.Expr(self.generic_visit(call)), statement))  # type: ignore[arg-type]
        return changed

    def visit_Assign(self, node: ast.Assign) -> ast.AST:
        """``m.next = "STATE"``: the state may stay."""
        target = node.targets[0]
        if not (
            self._inside and isinstance(target, ast.Attribute) and target.attr == "next" and _is_module(target.value)
        ):
            return self.generic_visit(node)
        call = self._call("next_state", node, target.value, node.value)
        return ast.copy_location(ast.Expr(call), node)


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "m"


def _is_domain(node: ast.expr) -> bool:
    """``m.d.sync`` and its like."""
    return (
        isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Attribute)
        and node.value.attr == "d"
        and _is_module(node.value.value)
    )


def _reads(function: ast.expr) -> bool:
    """Whether a call only reads its arguments."""
    if isinstance(function, ast.Attribute):
        return function.attr in ("eq", *_CONDITIONS)
    return isinstance(function, ast.Name) and function.id in ("Mux", "Cat")


def rewrite(source: str, file: str) -> tuple[ast.Module, dict[str, int]]:
    """The tree of ``source``, which stands in ``file``, with its sites as calls; and the lines of the sites by name."""
    rewriter = _Rewriter(file)
    tree = rewriter.visit(ast.parse(source))
    return ast.fix_missing_locations(tree), rewriter.lines
