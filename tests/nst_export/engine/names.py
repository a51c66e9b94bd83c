"""A reader of source code that compares its uses of TensorRT with a listing of the bindings.

What is what is told by the house's own rules: the module is called `trt`, and what functions take
and return is annotated (`network: trt.INetworkDefinition`). From there types follow through
assignments, calls and attributes as the listing gives them.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

MODULE = "trt"
_OF_EVERYTHING = {"__class__", "__init__", "__members__"}


class Kind(NamedTuple):
    """The kind of an expression: the module, a class of it, an object of one, or a method."""

    role: str
    name: str = ""
    method: str = ""


THE_MODULE = Kind("module")


@dataclass(frozen=True)
class Use:
    """A name that the code uses, and where."""

    owner: str
    name: str
    file: str
    line: int
    column: int
    """Where the name or the call begins."""


class Reader(ast.NodeVisitor):
    """The uses and faults of one file.

    Args:
        listing: what `listing.py` printed.
        returned: what functions of the project return, by `annotations`.
        file: for messages.
    """

    def __init__(self, listing: dict[str, Any], returned: dict[str, str], file: str) -> None:
        self.classes: dict[str, Any] = dict(listing["classes"])
        for kind in listing["classes"].values():
            self.classes |= kind["nested"]
        self.others = set(listing["others"])
        self.known_names = {
            name
            for kind in self.classes.values()
            for name in (*kind["methods"], *kind["properties"])
            if "_" in name.strip("_")
        }
        self.returned, self.file = returned, file
        self.uses: set[Use] = set()
        self.faults: list[str] = []
        self.names: dict[str, Kind] = {}
        self.attributes: dict[str, Kind] = {}
        """Of the class that is being read."""

    # -- scopes and assignments

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        outer = dict(self.names)
        for argument in [*node.args.args, *node.args.kwonlyargs]:
            kind = self._annotated(argument.annotation)
            self.names.pop(argument.arg, None)
            if argument.arg == MODULE:
                self.names[MODULE] = THE_MODULE
            elif kind:
                self.names[argument.arg] = kind
        for statement in node.body:
            self.visit(statement)
        self.names = outer

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        for base in node.bases:
            kind = self._kind(base)
            if kind and kind.role == "class":
                self._check_overrides(node, self.classes[kind.name]["methods"], kind.name)
        self.attributes = {}
        self.generic_visit(node)

    def visit_Assign(self, node: ast.Assign) -> None:
        kind = self._kind(node.value)
        for target in node.targets:
            if isinstance(target, ast.Attribute) and target.attr == "__class__" and kind:
                assert isinstance(target.value, ast.Name)
                self.names[target.value.id] = Kind("object", kind.name)
            elif isinstance(target, ast.Attribute) and self._is_ours(target):
                if kind:
                    self.attributes[target.attr] = kind
            elif isinstance(target, ast.Attribute):
                self._attribute(target)
            elif isinstance(target, ast.Name):
                self._bind(target, kind)
        self.visit(node.value)

    def visit_For(self, node: ast.For) -> None:
        self._bind(node.target, self._kind(node.iter))
        self.generic_visit(node)

    def visit_comprehension(self, node: ast.comprehension) -> None:
        self._bind(node.target, self._kind(node.iter))
        self.generic_visit(node)

    def _comprehension(self, node: Any) -> None:
        for generator in node.generators:
            self.visit(generator)
        self.generic_visit(node)

    visit_SetComp = visit_ListComp = visit_GeneratorExp = visit_DictComp = _comprehension  # noqa: N815

    def _bind(self, target: ast.expr, kind: Kind | None) -> None:
        if not isinstance(target, ast.Name):
            return
        self.names.pop(target.id, None)
        if target.id == MODULE:
            self.names[MODULE] = THE_MODULE
        elif kind:
            self.names[target.id] = kind

    # -- expressions

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self._attribute(node)
        self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> None:
        self._called(node)
        self.generic_visit(node)

    def _kind(self, node: ast.expr) -> Kind | None:
        if isinstance(node, ast.Name):
            return self.names.get(node.id)
        if isinstance(node, ast.Attribute):
            return self._attribute(node)
        return self._called(node) if isinstance(node, ast.Call) else None

    def _attribute(self, node: ast.Attribute) -> Kind | None:
        owner, name = self._kind(node.value), node.attr
        if self._is_ours(node) and name in self.attributes:
            return self.attributes[name]
        if owner is None:
            if name in self.known_names and not self._is_ours(node):
                self._fault(node, f"{name} of something whose type nothing tells")
            return None
        if name in _OF_EVERYTHING:
            return None
        if owner.role == "module":
            self._use(node, "", name)
            if name not in self.classes and name not in self.others:
                return self._fault(node, f"there is no {name}")
            return Kind("class", name) if name in self.classes else None
        if owner.role == "method":
            return None
        return self._member(node, self.classes[owner.name], owner, name)

    def _member(self, node: ast.Attribute, kind: Any, owner: Kind, name: str) -> Kind | None:
        self._use(node, owner.name, name)
        if owner.role == "class" and name in kind["members"]:
            return Kind("object", owner.name)
        if owner.role == "class" and name in kind["nested"]:
            return Kind("class", name)
        if name in kind["methods"]:
            return Kind("method", owner.name, name)
        if owner.role == "object" and name in kind["properties"]:
            found = kind["properties"][name]
            if isinstance(node.ctx, ast.Store) and not found["settable"]:
                return self._fault(node, f"{owner.name}.{name} cannot be set")
            return self._object(found["type"])
        return self._fault(node, f"{owner.name} has no {name}")

    def _called(self, node: ast.Call) -> Kind | None:
        function = self._kind(node.func)
        if function is None:
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            return self._object(self.returned.get(name, ""))
        if function.role == "class":
            forms = self.classes[function.name]["methods"].get("__init__", [])
            self._check_arguments(node, forms, function.name)
            return Kind("object", function.name)
        if function.role != "method":
            return None
        forms = self.classes[function.name]["methods"][function.method]
        self._check_arguments(node, forms, f"{function.name}.{function.method}")
        return self._object(forms[0]["returns"]) if forms else None

    def _object(self, name: str) -> Kind | None:
        for candidate in (name, name.removeprefix("I")):  # IParserError is called ParserError
            if candidate in self.classes:
                return Kind("object", candidate)
        return None

    # -- checks

    def _check_arguments(self, node: ast.Call, forms: list[Any], name: str) -> None:
        keywords = {keyword.arg for keyword in node.keywords}
        for form in forms:
            free = form["arguments"][1 + len(node.args) :]
            needed = form["arguments"][1 : len(form["arguments"]) - form["optional"]]
            given = {*form["arguments"][1 : 1 + len(node.args)], *keywords}
            fits = 1 + len(node.args) <= len(form["arguments"])
            if fits and keywords <= set(free) and set(needed) <= given:
                return
        if forms:
            self._fault(node, f"{name} does not take {len(node.args)} and {sorted(keywords)}")

    def _check_overrides(self, node: ast.ClassDef, methods: dict[str, Any], name: str) -> None:
        for method in node.body:
            if not isinstance(method, ast.FunctionDef) or method.name == "__init__":
                continue
            self._use(method, name, method.name)
            forms = methods.get(method.name, [])
            if not any(len(form["arguments"]) == len(method.args.args) for form in forms):
                self._fault(method, f"{name} does not call {method.name} like this")

    def _annotated(self, node: ast.expr | None) -> Kind | None:
        name = annotated(node)
        if name and name not in self.classes:
            assert node is not None
            return self._fault(node, f"there is no {name}")
        return Kind("object", name) if name else None

    def _is_ours(self, node: ast.Attribute) -> bool:
        return isinstance(node.value, ast.Name) and node.value.id == "self"

    def _use(self, node: Any, owner: str, name: str) -> None:
        column = node.end_col_offset - len(name) if isinstance(node, ast.Attribute) else -1
        self.uses.add(Use(owner, name, self.file, node.end_lineno or 0, column))

    def _fault(self, node: ast.AST, what: str) -> None:
        line = getattr(node, "lineno", 0)
        if (fault := f"{self.file}:{line}: {what}") not in self.faults:
            self.faults.append(fault)


def annotated(node: ast.expr | None) -> str:
    """Return the class that an annotation names: `trt.X`, `X | None`, an iterable of them."""
    for part in ast.walk(node) if node else ():
        if isinstance(part, ast.Attribute) and getattr(part.value, "id", "") == MODULE:
            return part.attr
    return ""


parsed = cache(ast.parse)


@cache
def returned(text: str) -> dict[str, str]:
    """Return the classes that functions return, by the functions' names."""
    functions = [node for node in ast.walk(parsed(text)) if isinstance(node, ast.FunctionDef)]
    found = {function.name: annotated(function.returns) for function in functions}
    return {name: kind for name, kind in found.items() if kind}


def read(
    sources: dict[str, str], listing: dict[str, Any], *files: str
) -> tuple[set[Use], list[str]]:
    """Return the uses of TensorRT in source code, by file name, and those that do not exist.

    Args:
        sources: all of it, which tells what functions return.
        listing: what `listing.py` printed.
        files: what is read of it, all unless named.
    """
    ours = {name: kind for text in sources.values() for name, kind in returned(text).items()}
    uses: set[Use] = set()
    faults: list[str] = []
    for file in files or sources:
        reader = Reader(listing, ours, file)
        reader.visit(parsed(sources[file]))
        uses |= reader.uses
        faults += reader.faults
    return uses, faults
