"""No value is written into the text of a query: values are parameters, and only names of the schema are interpolated.

Labels, relationship types and property names cannot be parameters in Cypher, so they come from `graphdb.schema`. This
follows every text that looks like Cypher through the source back to where its parts come from: constants, the schema,
numbers, and functions that are given no more than that.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("graphdb", "ingest", "learn", "queries")
CYPHER = re.compile(r"\b(MATCH|MERGE|UNWIND|DETACH|DELETE|RETURN|CALL|CREATE|WHERE|SET|REMOVE|DROP|YIELD)\b")
CONSTANT = re.compile(r"_?[A-Z][A-Z0-9_]*")
# What is of these types is a name of the schema, or a number.
TYPES = {
    "NodeType",
    "EdgeType",
    "EdgeKind",
    "NodeSchema",
    "EdgeSchema",
    "PropertyType",
    "Engine",
    "int",
    "float",
    "bool",
}
# Made of edge types, numbers and truth values; checked when it is made.
TYPES |= {"WalkConfig"}
CONTAINERS = {"Iterable", "Sequence", "Mapping", "tuple", "list", "dict", "frozenset", "None"}
METHODS = {"lower", "upper", "join", "format", "values", "items", "keys"}
FUNCTIONS = {"str", "list", "sorted", "tuple", "set", "map", "enumerate", "zip", "len"}
# Of graphdb.walks.database: expressions over a variable's name.
FUNCTIONS |= {"key_of", "label_of"}
# Of graphdb.content and graphdb.diff: names of columns of a kind of edges.
FUNCTIONS |= {"edge_columns", "edge_identity"}
RUNS = {"read", "read_first", "read_one", "write"}
# Where text that nobody can check is run, and why it may be.
ALLOWED = {
    ("queries/resident.py", "read"): "names of properties, and what stands for none of them, of the schema",
    ("queries/audit.py", ""): "names of properties that list identifiers, and node types, of the schema",
    (
        "queries/explorer/cypher_box.py",
        "rows_of",
    ): "the user's own query, of the box for Cypher, on a read-only connection",
    ("queries/cypher_prompt.py", "_ask"): "the user's own query, typed at the prompt, on a read-only connection",
    ("queries/cypher.py", "main"): "the user's own query is what this command runs, read-only unless told otherwise",
    ("graphdb/walks/cypher.py", "_step"): "edge types of the schema (`walked_types`), and whether weights count",
    ("graphdb/walks/gds.py", "_project"): "edge types of the schema (`walked_types`), and whether weights count",
    ("graphdb/migrations.py", "migrate"): "the statements of a migration, which are constants",
    ("graphdb/sync.py", "send"): "handed on by `_write`, which is checked there",
}

Function = ast.FunctionDef


class Module:
    """A source file, and which of its expressions hold nothing but trusted parts."""

    def __init__(self, source: str) -> None:
        self.tree = ast.parse(source)
        self.functions = {node.name: node for node in ast.walk(self.tree) if isinstance(node, Function)}
        self.owner: dict[ast.AST, Function | None] = {}
        self._own(self.tree, None)
        self._asked: set[object] = set()

    def _own(self, node: ast.AST, function: Function | None) -> None:
        for child in ast.iter_child_nodes(node):
            self.owner[child] = function
            self._own(child, child if isinstance(child, Function) else function)

    def trusted(self, node: ast.AST, bound: frozenset[str] = frozenset()) -> bool:
        match node:
            case ast.Constant() | ast.Compare():
                return True
            case ast.Name(id=name):
                return name in bound or name in TYPES or bool(CONSTANT.fullmatch(name)) or self._name(name, node)
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                return self._of_self(name)
            case ast.Attribute(value=value) | ast.Subscript(value=value) | ast.Starred(value=value):
                return self.trusted(value, bound)
            case ast.FormattedValue(value=value) | ast.UnaryOp(operand=value) | ast.NamedExpr(value=value):
                return self.trusted(value, bound)
            case ast.JoinedStr(values=parts) | ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
                return all(self.trusted(part, bound) for part in parts)
            case ast.Dict(keys=keys, values=values):
                return all(part is None or self.trusted(part, bound) for part in [*keys, *values])
            case ast.BinOp(left=left, right=right):
                return self.trusted(left, bound) and self.trusted(right, bound)
            case ast.BoolOp(values=parts):
                return all(self.trusted(part, bound) for part in parts)
            case ast.IfExp(body=body, orelse=orelse):
                return self.trusted(body, bound) and self.trusted(orelse, bound)
            case ast.GeneratorExp() | ast.ListComp() | ast.SetComp() | ast.DictComp():
                for loop in node.generators:
                    if not self.trusted(loop.iter, bound):
                        return False
                    bound |= names_in(loop.target)
                parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
                return all(self.trusted(part, bound) for part in parts)
            case ast.Call(func=function, args=arguments, keywords=keywords):
                given = [*arguments, *(keyword.value for keyword in keywords)]
                if not all(self.trusted(argument, bound) for argument in given):
                    return False
                if isinstance(function, ast.Attribute):
                    return function.attr in METHODS and self.trusted(function.value, bound)
                name = function.id if isinstance(function, ast.Name) else ""
                return name in FUNCTIONS or name in TYPES or self._returns(name)
        return False

    def _once(self, key: object, answer: bool, ask) -> bool:
        """Answer a question that asks itself again (a name that is built up) with `answer`."""
        if key in self._asked:
            return answer
        self._asked.add(key)
        try:
            return ask()
        finally:
            self._asked.discard(key)

    def _name(self, name: str, node: ast.AST) -> bool:
        function = self.owner.get(node)
        while function is not None:
            arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
            for place, argument in enumerate(arguments):
                if argument.arg == name:
                    return schema_typed(argument.annotation) or self._given(function, place, name)
            inside = [inner for inner in ast.walk(function) if isinstance(inner, ast.AST)]
            if any(name in bound_by(inner) for inner in inside):
                return self._assigned(name, inside)
            function = self.owner.get(function)
        return name in self.functions and self._returns(name)

    def _assigned(self, name: str, nodes: list[ast.AST], *, of_self: bool = False) -> bool:
        """Return whether all that is assigned to a name is trusted."""

        def ask() -> bool:
            values = []
            for node in nodes:
                key_type = self._key_type(name, node)
                values += assigned_to(name, node, of_self=of_self) if key_type is None else [key_type]
            return bool(values) and all(self.trusted(value) for value in values)

        return self._once((name, id(nodes[0]) if nodes else 0), True, ask)

    def _of_self(self, name: str) -> bool:
        """Return whether an attribute is a property that returns, or a field that is declared as, what is trusted."""
        fields = [node for node in ast.walk(self.tree) if isinstance(node, ast.AnnAssign)]
        declared = [node.annotation for node in fields if isinstance(node.target, ast.Name) and node.target.id == name]
        if declared:
            return all(map(schema_typed, declared))
        if name in self.functions:
            return self._returns(name)
        return self._assigned(name, [n for n in ast.walk(self.tree) if isinstance(n, ast.Assign)], of_self=True)

    def _key_type(self, name: str, node: ast.AST) -> ast.AST | None:
        """Return K in ``for name, … in f(…).items()`` with ``def f(…) -> dict[K, …]``."""
        match node:
            case ast.For(
                target=ast.Tuple(elts=[ast.Name(id=first), *_]),
                iter=ast.Call(func=ast.Attribute(attr="items", value=ast.Call(func=ast.Name(id=called)))),
            ) if first == name and called in self.functions:
                returned = self.functions[called].returns
                if isinstance(returned, ast.Subscript) and isinstance(returned.slice, ast.Tuple):
                    return returned.slice.elts[0]
        return None

    def _returns(self, name: str) -> bool:
        function = self.functions.get(name)
        if function is None:
            return False
        answers = [
            node.value
            for node in ast.walk(function)
            if isinstance(node, ast.Return | ast.Yield) and node.value is not None and self.owner[node] is function
        ]
        return self._once(("returns", name), True, lambda: bool(answers) and all(map(self.trusted, answers)))

    def _given(self, function: Function, place: int, name: str) -> bool:
        """Return whether a private function is given nothing but what is trusted, wherever it is called."""
        if not function.name.startswith("_"):
            return False
        calls = [
            node
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Call)
            and (getattr(node.func, "id", None) == function.name or getattr(node.func, "attr", None) == function.name)
        ]

        def ask() -> bool:
            for call in calls:
                at = place - isinstance(call.func, ast.Attribute)
                values = [keyword.value for keyword in call.keywords if keyword.arg == name] or call.args[at : at + 1]
                if not values or not self.trusted(values[0]):
                    return False
            return bool(calls)

        return self._once(("given", function.name, name), True, ask)


def names_in(target: ast.AST) -> frozenset[str]:
    return frozenset(node.id for node in ast.walk(target) if isinstance(node, ast.Name))


def bound_by(node: ast.AST) -> frozenset[str]:
    match node:
        case ast.Assign(targets=targets):
            return frozenset[str]().union(*map(names_in, targets))
        case ast.AnnAssign(target=target) | ast.AugAssign(target=target) | ast.For(target=target):
            return names_in(target)
        case ast.comprehension(target=target):
            return names_in(target)
    return frozenset()


def assigned_to(name: str, node: ast.AST, *, of_self: bool) -> list[ast.AST]:
    """Return what a statement assigns to a name, or to that attribute of self."""
    if of_self:
        found = isinstance(node, ast.Assign) and any(
            isinstance(target, ast.Attribute) and target.attr == name for target in node.targets
        )
        return [node.value] if found else []
    if name not in bound_by(node):
        return []
    if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
        pairs = zip(node.targets[0].elts, node.value.elts, strict=True)
        return [value for target, value in pairs if name in names_in(target)]
    value = node.iter if isinstance(node, ast.For | ast.comprehension) else node.value
    return [] if value is None else [value]


def schema_typed(annotation: ast.AST | None) -> bool:
    if annotation is None:
        return False
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
    return bool(names & TYPES) and names <= TYPES | CONTAINERS


def texts(node: ast.AST) -> str:
    return " ".join(n.value for n in ast.walk(node) if isinstance(n, ast.Constant) and isinstance(n.value, str))


def suspicious(source: str) -> list[tuple[str, int, str]]:
    """Return where a query is built of, or run with, what is not trusted: function, line, source."""
    module = Module(source)
    found = []
    for node in ast.walk(module.tree):
        query: ast.AST | None = None
        match node:
            case ast.JoinedStr() | ast.BinOp(op=ast.Add() | ast.Mod()):
                query = node if CYPHER.search(texts(node)) else None
            case ast.Call(func=ast.Attribute(attr="format", value=value)):
                query = node if CYPHER.search(texts(value)) else None
            case ast.Call(func=ast.Attribute(attr=run, value=value), args=[first, *_]) if run in RUNS:
                query = first if "store" in ast.unparse(value) else None
        if query is not None and not module.trusted(query):
            owner = module.owner.get(query)
            found.append((owner.name if owner else "", query.lineno, ast.unparse(query)))
    return found


FILES = sorted(path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py"))


def test_there_is_something_to_look_at():
    sources = [(ROOT / path).read_text() for path in FILES]
    assert sum(bool(CYPHER.search(source)) for source in sources) > 10


def test_no_value_is_written_into_a_query():
    found = {(str(path), *place) for path in FILES for place in suspicious((ROOT / path).read_text())}
    assert {place for place in found if place[:2] not in ALLOWED} == set()
    assert {place[:2] for place in found} == set(ALLOWED), "an exception that is not needed any more"


def part_of(body):
    return "def _part(x):\n    return f'MATCH (n:{x})'\n" if "_part(" in body else ""


@pytest.mark.parametrize(
    "body",
    [
        "store.read(f\"MATCH (n:Molecule {{name: '{text}'}}) RETURN n\")",
        'store.read("MATCH (n) WHERE n.name = \'" + text + "\' RETURN n")',
        "store.read(\"MATCH (n) WHERE n.name = '%s' RETURN n\" % text)",
        "store.read(\"MATCH (n) WHERE n.name = '{}' RETURN n\".format(text))",
        'query = "MATCH (n) RETURN n"\n    query += text\n    store.read(query)',
        "store.read(text)",
        'store.write(f"{_part(text)} SET n.a = 1")',
        'parts = [part for part in text.split()]\n    store.read(f"MATCH (n) RETURN {parts[0]}")',
        'for label in text:\n        store.read(f"MATCH (n:{label}) RETURN n")',
        'name = NAME\n    name = text\n    store.read(f"MATCH (n:{name}) RETURN n")',
    ],
)
def test_what_comes_from_outside_is_found(body):
    assert suspicious(f"{part_of(body)}def ask(store, text: str) -> None:\n    {body}\n")


@pytest.mark.parametrize(
    "body",
    [
        'store.read(f"MATCH (n:{node_type} {{{NODES[node_type].key}: $text}}) RETURN n", text=text)',
        'key = NODES[node_type].key\n    store.read(f"MATCH (n) RETURN n.{key} LIMIT {limit}")',
        'fields = ", ".join(f"n.{name}" for name in NODES[node_type].properties)\n    store.read(f"RETURN {fields}")',
        'for kind in EdgeType:\n        store.read(f"MATCH ()-[r:{kind}]->() RETURN r")',
        'store.write(f"{_part(node_type)} SET n.a = $a", a=text)',
    ],
)
def test_names_of_the_schema_pass(body):
    source = f"{part_of(body)}def ask(store, node_type: NodeType, limit: int, text: str) -> None:\n    {body}\n"
    assert suspicious(source) == []


def test_every_command_that_asks_opens_the_graph_read_only():
    """In `queries`, `connect` is called with read_only=True, but for the one place that `--write` leads to."""
    writing = []
    for path in FILES:
        if path.parts[0] != "queries":
            continue
        module = Module((ROOT / path).read_text())
        for node in ast.walk(module.tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "connect":
                read_only = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}.get("read_only")
                if read_only != "True":
                    writing.append(str(path))
    assert writing == ["queries/cypher.py"]
    guarded = [
        node
        for node in ast.walk(ast.parse((ROOT / "queries/cypher.py").read_text()))
        if isinstance(node, ast.If) and ast.unparse(node.test) == "arguments.write"
    ]
    assert len(guarded) == 1
    assert "connect()" in ast.unparse(guarded[0])
