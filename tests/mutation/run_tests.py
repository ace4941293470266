"""Runs the tests that call the mutated function, the fastest first, up to the first failure.

    python run_tests.py PRISTINE SURVEY

PRISTINE holds the package as it was. SURVEY is a JSON file: the tests with their seconds, and which
of them call the function at each line of each module. Exit code 0 if no test noticed the mutant.
"""

import ast
import json
import subprocess
import sys
from itertools import zip_longest
from pathlib import Path

PACKAGE = "target_invoiced"
# How long the tests of one mutant may take, by their durations in the survey.
BUDGET_S = 40.0
HANGS_S = 60


def mutated(pristine: Path) -> tuple[str, int]:
    """Module and line of the mutant."""
    for path in sorted(pristine.rglob("*.py")):
        module = path.relative_to(pristine).as_posix()
        pairs = zip_longest(
            path.read_text().splitlines(), (Path(PACKAGE) / module).read_text().splitlines()
        )
        for number, (before, after) in enumerate(pairs, 1):
            if before != after:
                return module, number
    raise SystemExit("nothing is mutated")


def function_around(source: str, line: int) -> range:
    """The lines of the innermost function around a line; all lines if there is none."""
    found = range(1, source.count("\n") + 2)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(one.lineno for one in node.decorator_list)])
            lines = range(first, (node.end_lineno or first) + 1)
            # A default value or a decorator is evaluated when the module is imported.
            body = range(node.body[0].lineno, lines.stop)
            if line in body and len(lines) < len(found):
                found = lines
    return found


def tests_of(survey: dict, module: str, lines: range) -> list[str]:
    """Tests that call one of these lines' functions, the fastest first, within the budget."""
    places = survey["calls"].get(module)
    if places is None:  # a module without functions, such as one of tables
        package = module.partition("/")[0]
        inner = [found for name, found in survey["calls"].items() if name.startswith(package)]
        calling = {test for found in inner for tests in found.values() for test in tests}
    else:
        calling = {test for line, tests in places.items() if int(line) in lines for test in tests}
    left_s, kept = BUDGET_S, []
    for name, took_s in sorted((survey["tests"][one] for one in calling), key=lambda one: one[1]):
        left_s -= took_s
        if left_s < 0:
            break
        kept.append(name)
    return kept


def main() -> int:
    pristine, survey = Path(sys.argv[1]), json.loads(Path(sys.argv[2]).read_text())
    module, line = mutated(pristine)
    lines = function_around((pristine / module).read_text(), line)
    tests = tests_of(survey, module, lines)
    if not tests:
        return 0
    arguments = Path("mutant-tests.txt")
    arguments.write_text("\n".join(tests))
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--timeout", str(HANGS_S)]
    command = [sys.executable, "-m", "pytest", *options, f"@{arguments}"]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
