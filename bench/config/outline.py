"""What a method's class declares, read from its source: who only asks what it takes, costs and can
be set to does not load torch."""

import ast
import sys
from functools import cache
from importlib.util import find_spec

from bench.config import settings


@cache
def outline(target: str) -> type:
    """The class that `module:Class` names, of which there are its constants and its `Config` alone;
    its bases likewise.

    A `Config` may use what `bench.config.settings` has, the standard library, and literal constants
    of its module.
    """
    module, _, name = target.partition(":")
    tree = ast.parse(find_spec(module).loader.get_source(module))
    origins = {
        alias.name: node.module
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    (body,) = (n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == name)
    body.bases = [base for base in body.bases if isinstance(base, ast.Name)]
    body.body = [node for node in body.body if declares(node)] or [ast.Pass()]
    scope = vars(settings) | {"__name__": module}
    for base in body.bases:
        scope[base.id] = outline(f"{origins.get(base.id, module)}:{base.id}")
    light = [node for node in tree.body if plain(node)]
    exec(compile(ast.Module([*light, body], []), module, "exec"), scope)
    return scope[name]


def declares(node: ast.stmt) -> bool:
    """Whether it stands in the outline of a class: a constant, or the class `Config`."""
    if isinstance(node, ast.ClassDef):
        return node.name == "Config"
    return isinstance(node, ast.Assign | ast.AnnAssign) and isinstance(node.value, ast.Constant)


def plain(node: ast.stmt) -> bool:
    """Whether a statement of a module is one that a `Config` may lean on."""
    if isinstance(node, ast.ImportFrom):
        return node.module.partition(".")[0] in sys.stdlib_module_names
    if not isinstance(node, ast.Assign):
        return False
    try:
        ast.literal_eval(node.value)
    except ValueError:
        return False
    return True
