"""The names that each package promises to keep, and nothing beside them."""

import importlib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
EXCEPTIONS = (
    "FatalError FeatureMissingError ForbiddenError IncompleteReadError InvalidInputError "
    "InvoicedError NotFoundError RecordRejectedError RedirectedError RetryableError "
    "UnexpectedResponseError"
).split()
EXPORTED = {
    "invoiced_api": {
        *EXCEPTIONS,
        *("Client", "Connection", "RESOURCES", "Request", "Resource", "Response", "VERSION"),
    },
    "invoiced_emulator": {"Account", "Faults", "Server", "add_bulk", "seeded"},
    "invoiced_schemas": {"load"},
    "singer_command": set[str](),
    "singer_invoiced": {"DESCRIPTION"},
    "tap_invoiced": {"DESCRIPTION"},
    "target_invoiced": {"DESCRIPTION"},
}
# What a package exports to the rest of its own command.
WITHIN = {"target_invoiced.ledger": ["Ledger"]}


def folder(package: str) -> Path:
    return ROOT / ("schemas" if package == "invoiced_schemas" else package)


@pytest.mark.parametrize("package", EXPORTED)
def test_a_package_exports_the_promised_names(package: str) -> None:
    module = importlib.import_module(package)
    assert set(module.__all__) == EXPORTED[package]
    for name in module.__all__:
        assert getattr(module, name) is not None
    with pytest.raises(AttributeError):
        _ = module.no_such_name


@pytest.mark.parametrize("package", EXPORTED)
def test_a_package_ships_its_type_hints(package: str) -> None:
    assert (folder(package) / "py.typed").is_file()


@pytest.mark.parametrize("package", EXPORTED)
def test_every_package_below_says_what_it_exports(package: str) -> None:
    for path in folder(package).rglob("*/__init__.py"):
        name = ".".join([package, *path.parent.relative_to(folder(package)).parts])
        assert importlib.import_module(name).__all__ == WITHIN.get(name, [])


# Raised and caught while a list is read.
WITHIN_READING = {"UnfilteredError", "UnreadablePageError", "UnsortedError"}


def exception_classes(path: Path) -> list[type[BaseException]]:
    """The exceptions that a module defines, whatever they are called."""
    name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
    classes = list(vars(importlib.import_module(name)).values())
    return [
        value
        for value in classes
        if isinstance(value, type) and issubclass(value, BaseException) and value.__module__ == name
    ]


def test_every_exception_of_the_client_is_exported() -> None:
    names = {each.__name__ for each in exception_classes(ROOT / "invoiced_api" / "exceptions.py")}
    assert names - WITHIN_READING == set(EXCEPTIONS)


@pytest.mark.parametrize("package", sorted(EXPORTED.keys() - {"invoiced_schemas"}))
def test_exceptions_are_in_one_module_under_a_tree_of_them(package: str) -> None:
    for path in (ROOT / package).rglob("*.py"):
        if path.stem in ("__init__", "__main__"):
            continue
        found = exception_classes(path)
        assert not found or path == ROOT / package / "exceptions.py", path
        for each in found:
            assert each.__name__.endswith("Error")
            assert each.__name__ in (importlib.import_module(each.__module__).__doc__ or "")
