"""Breaks packages of the target in many small ways, and reports what no test noticed.

    python tests/mutation/mutate.py mapping records --tools .venv-mutation/bin --sample 50

Works on a copy: the files here stay as they are. All tests of the target run once, to find which of
them call which function. Each mutant then runs the tests that call its function, up to the first
failure. Exit code 1 if fewer than `--required` percent were noticed in a package.
"""

import argparse
import json
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = ("mapping", "records", "scheduling", "ledger")
TESTS = ("tests/target", "tests/model")
TIMEOUT_S = 240
# Steps of the model: a mutant has to be noticed in seconds.
MODEL_STEPS = "300"
CONFIG = """
[cosmic-ray]
module-path = ["target_invoiced/{package}"]
timeout = {timeout}
excluded-modules = []
test-command = "{python} tests/mutation/run_tests.py {pristine} {survey}"

[cosmic-ray.distributor]
name = "local"
"""


def copy_of(project: Path, to: Path) -> Path:
    """The files of the project that are under version control, as they are now."""
    names = subprocess.run(["git", "ls-files", "-z"], cwd=project, capture_output=True, check=True)
    for name in filter(None, names.stdout.decode().split("\0")):
        if (project / name).is_file():
            (to / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(project / name, to / name)
    return to


def survey_of(copy: Path, environment: dict[str, str], tests: list[str], kept: Path | None) -> Path:
    """Which functions each test calls, and how long it takes. Tests that fail are left out."""
    if kept and kept.exists():
        return kept.absolute()
    calls, durations = copy / "calls.tsv", copy / "durations.json"
    package = copy / "target_invoiced" / "__init__.py"
    before = package.read_text()
    tracing = copy / "tests" / "mutation" / "tracing.py"
    started = f"exec(__import__('pathlib').Path({str(tracing)!r}).read_text(), {{}})"
    package.write_text(f"{before}\n{started}\n")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    subprocess.run(
        [*command, "-p", "durations", *tests],
        cwd=copy,
        env={
            **environment,
            "PYTHONPATH": os.pathsep.join([str(copy), str(tracing.parent)]),
            "MUTATION_SURVEY": str(calls),
            "MUTATION_ROOT": str(copy),
            "MUTATION_DURATIONS": str(durations),
        },
        check=False,
    )
    package.write_text(before)
    took = sorted(json.loads(durations.read_text()).items())
    numbers = {name: number for number, (name, _) in enumerate(took)}
    places: dict[str, dict[str, set[int]]] = {}
    for row in calls.read_text().splitlines():
        # An odd name of a test may hold a tab or a line break: it is left out.
        test, *place = row.split("\t")
        if test in numbers and len(place) == 2:
            places.setdefault(place[0], {}).setdefault(place[1], set()).add(numbers[test])
    survey = {
        "tests": took,
        "calls": {
            module: {line: sorted(tests) for line, tests in found.items()}
            for module, found in places.items()
        },
    }
    file = kept.absolute() if kept else copy / "survey.json"
    file.write_text(json.dumps(survey))
    return file


def keep_sample(session: Path, count: int, seed: int) -> int:
    """Keeps a random sample of the mutants; returns its size."""
    with sqlite3.connect(session) as connection:
        jobs = [row[0] for row in connection.execute("SELECT job_id FROM work_items")]
        order = "SELECT job_id FROM mutation_specs ORDER BY module_path, start_pos_row, "
        order += "start_pos_col, operator_name, occurrence"
        ordered = [row[0] for row in connection.execute(order)]
        drawn = set(random.Random(seed).sample(ordered, min(count, len(ordered))))
        for job in set(jobs) - drawn:
            connection.execute("DELETE FROM mutation_specs WHERE job_id = ?", (job,))
            connection.execute("DELETE FROM work_items WHERE job_id = ?", (job,))
    return len(drawn)


def survivors(session: Path) -> list[tuple[str, int, str]]:
    """Module, line and diff of each mutant that no test noticed."""
    query = """
        SELECT module_path, start_pos_row, diff FROM work_results
        JOIN mutation_specs USING (job_id) WHERE test_outcome = 'SURVIVED'
        ORDER BY module_path, start_pos_row
    """
    with sqlite3.connect(session) as connection:
        return list(connection.execute(query))


def parsed() -> argparse.Namespace:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("packages", nargs="+", choices=PACKAGES)
    arguments.add_argument(
        "--tools", type=Path, required=True, help="where cosmic-ray is installed"
    )
    arguments.add_argument("--sample", type=int, default=50, help="mutants of each package")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--required", type=float, default=85)
    arguments.add_argument("--tests", nargs="*", default=TESTS, help="folders and files of tests")
    arguments.add_argument(
        "--survey", type=Path, help="file of what each test calls: read, or written if missing"
    )
    return arguments.parse_args()


def run_mutants(package: str, copy: Path, options: argparse.Namespace, **paths: Path) -> bool:
    """Try a sample of a package's mutants, and print those that survive; False if too many."""
    tool = str(options.tools.absolute() / "cosmic-ray")
    config, session = copy / f"{package}.toml", copy / f"{package}.sqlite"
    config.write_text(
        CONFIG.format(package=package, timeout=TIMEOUT_S, python=sys.executable, **paths)
    )
    environment = environment_of(copy)

    def run(command: str) -> None:
        arguments = [tool, command, str(config), str(session)]
        subprocess.run(arguments, cwd=copy, env=environment, check=True)

    run("init")
    tried = keep_sample(session, options.sample, options.seed)
    run("exec")
    left = survivors(session)
    for module, line, diff in left:
        print(f"{module}:{line} survived\n{diff}\n")
    noticed = 100 * (tried - len(left)) / tried if tried else 100.0
    print(f"{package}: {noticed:.0f} % of {tried} mutants were noticed", flush=True)
    return noticed >= options.required


def environment_of(copy: Path) -> dict[str, str]:
    """That of a process that imports the copy, although the project itself is installed."""
    return {**os.environ, "PYTHONPATH": str(copy), "SOAK_STEPS": MODEL_STEPS}


def main() -> int:
    options = parsed()
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = copy_of(Path.cwd(), Path(folder) / "copy")
        pristine = shutil.copytree(copy / "target_invoiced", Path(folder) / "pristine")
        survey = survey_of(copy, environment_of(copy), list(options.tests), options.survey)
        enough = [
            run_mutants(package, copy, options, pristine=pristine, survey=survey)
            for package in options.packages
        ]
    return int(not all(enough))


if __name__ == "__main__":
    sys.exit(main())
