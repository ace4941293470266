"""`make versions`: every test on every Python that the project promises.

One that this machine does not have is skipped, and named in the summary.
"""

import nox

nox.options.default_venv_backend = "venv"
nox.options.envdir = ".venv-versions"
nox.options.error_on_missing_interpreters = False


@nox.session(python=("3.10", "3.11", "3.12", "3.13"))
def tests(session: nox.Session) -> None:
    session.install("--editable", ".[test]")
    session.run("pytest", *(session.posargs or ("--numprocesses", "2")))
