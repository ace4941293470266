"""Breaks one package of the target in many small ways, and reports what no test noticed.

    python tests/mutation/mutate.py mapping --tools .venv-mutation/bin --sample 100

Works on a copy: the files here stay as they are. Each mutant runs the tests of the target up to the
first failure, which takes seconds; one that survives takes all of them. Exit code 1 if fewer than
`--required` percent were noticed.
"""

import argparse
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from pathlib import Path

PACKAGES = ("mapping", "records", "scheduling", "ledger")
# Decisions that need no run of the command come first, since they fail soonest.
FIRST = ("decisions", "planning", "bodies", "references", "state", "validation")
TIMEOUT_S = 600
CONFIG = """
[cosmic-ray]
module-path = ["target_invoiced/{package}"]
timeout = {timeout}
excluded-modules = []
test-command = "{python} -m pytest -x -q -n 0 -p no:cacheprovider {tests}"

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


def tests_of(project: Path) -> list[str]:
    first = [f"tests/target/test_{name}.py" for name in FIRST]
    others = sorted(f"tests/target/{path.name}" for path in project.glob("tests/target/test_*.py"))
    kept = [name for name in first if name in others]
    return [*kept, *(name for name in others if name not in first), "tests/model"]


def keep_sample(session: Path, count: int, seed: int) -> int:
    """Keeps a random sample of the mutants; returns its size."""
    with sqlite3.connect(session) as connection:
        jobs = [row[0] for row in connection.execute("SELECT job_id FROM work_items")]
        drawn = set(random.Random(seed).sample(sorted(jobs), min(count, len(jobs))))
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


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("package", choices=PACKAGES)
    arguments.add_argument(
        "--tools", type=Path, required=True, help="where cosmic-ray is installed"
    )
    arguments.add_argument("--sample", type=int, default=100, help="how many mutants are tried")
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--required", type=float, default=85)
    options = arguments.parse_args()
    tool = str(options.tools.absolute() / "cosmic-ray")
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = copy_of(Path.cwd(), Path(folder))
        session = copy / "session.sqlite"
        (copy / "mutation.toml").write_text(
            CONFIG.format(
                package=options.package,
                timeout=TIMEOUT_S,
                python=sys.executable,
                tests=" ".join(tests_of(copy)),
            )
        )
        # The copy is imported, although the project itself is installed.
        environment = {**os.environ, "PYTHONPATH": str(copy)}

        def run(*command: str) -> None:
            subprocess.run([tool, *command], cwd=copy, env=environment, check=True)

        run("baseline", "mutation.toml")  # a test that fails anyway notices nothing
        run("init", "mutation.toml", str(session))
        tried = keep_sample(session, options.sample, options.seed)
        run("exec", "mutation.toml", str(session))
        left = survivors(session)
    for module, line, diff in left:
        print(f"{module}:{line} survived\n{diff}\n")
    noticed = 100 * (tried - len(left)) / tried if tried else 100.0
    print(f"{options.package}: {noticed:.0f} % of {tried} mutants were noticed")
    return int(noticed < options.required)


if __name__ == "__main__":
    sys.exit(main())
