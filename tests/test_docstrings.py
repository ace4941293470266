"""Docstrings cover what a reader looks for: every module of a package, every field of a class."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = sorted(
    path.parent
    for path in ROOT.glob("*/**/__init__.py")
    if path.relative_to(ROOT).parts[0] not in ("benchmarks", "build", "schemas", "tests")
    and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_lists_its_modules(package: Path) -> None:
    text = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    modules = {path.stem for path in package.glob("*.py")} - {"__init__", "__main__"}
    packages = {path.parent.name for path in package.glob("*/__init__.py")}
    listed = set(re.findall(r"^(\w+)(?:, |  )", text, re.MULTILINE))
    listed |= {
        name
        for line in re.findall(r"^(?:\w+, )+\w+$", text, re.MULTILINE)
        for name in line.split(", ")
    }
    missing = (modules | packages) - listed
    assert not missing, f"add to the docstring of {package.name}: {sorted(missing)}"


def _has_fields(node: ast.ClassDef) -> bool:
    decorators = any("dataclass" in ast.unparse(one) for one in node.decorator_list)
    return decorators or any(ast.unparse(base) == "NamedTuple" for base in node.bases)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_class_has_a_line_for_each_of_its_fields(package: Path) -> None:
    for path in package.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.ClassDef) or not _has_fields(node):
                continue
            if node.name.startswith("_"):
                continue
            _, _, attributes = (ast.get_docstring(node) or "").partition("Attributes:\n")
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name):
                    name = field.target.id
                    described = name.startswith("_") or f"    {name}: " in attributes
                    assert described, f"{path.name}: {node.name}.{name} has no line"


def test_the_emulators_resources_are_named_where_contributors_look() -> None:
    """Those that a module defines one by one; the others are made from a table."""
    package = ROOT / "invoiced_emulator" / "resources"
    listed = ast.get_docstring(ast.parse((package / "__init__.py").read_text())) or ""
    lines = dict(re.findall(r"^(\w+)  +(.+)$", listed, re.MULTILINE))
    for module in ("documents", "customer_children", "payments"):
        text = (package / f"{module}.py").read_text()
        names = re.findall(r"^([A-Z_]+) = ResourceDefinition\(", text, re.MULTILINE)
        missing = [name for name in names if name.lower().replace("_", " ") not in lines[module]]
        assert names and not missing, f"add to the line of {module}: {missing}"
