"""Packaging of singer-invoiced: a tap, a target and an emulator for Invoiced."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent
DOCS = ["mkdocs==1.6.1", "mkdocs-material==9.8.2"]
EMULATOR = [
    "httptools==0.9.0",
    "sortedcontainers==2.4.0",
    "starlette==1.7.0",
    "uvicorn==0.54.0",
    "uvloop==0.23.0; sys_platform != 'win32'",
]

setup(
    name="singer-invoiced",
    version="0.1.0",
    description="Singer tap and target for Invoiced, the billing and accounts-receivable service",
    long_description=(ROOT / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    keywords=["singer", "tap", "target", "invoiced", "billing", "accounts receivable", "elt"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Developers",
        "Intended Audience :: Financial and Insurance Industry",
        "Operating System :: MacOS",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Database",
        "Topic :: Office/Business :: Financial :: Accounting",
        "Typing :: Typed",
    ],
    project_urls={
        "Invoiced API": "https://developer.invoiced.com/api",
        "Singer specification": "https://github.com/singer-io/getting-started",
    },
    license="Apache-2.0",
    license_files=["LICENSE"],
    python_requires=">=3.10",
    packages=["invoiced_schemas", *find_packages(exclude=["schemas", "tests*", "benchmarks*"])],
    package_dir={"invoiced_schemas": "schemas"},
    package_data={"": ["py.typed"], "invoiced_schemas": ["*.json", "shared/*.json"]},
    # Pinned, as Singer asks of every tap and target: what was tested is what runs.
    install_requires=[
        "backoff==2.2.1",
        "ciso8601==2.4.1",
        "jsonschema==2.6.0",
        "msgspec==0.22.0",
        "orjson==3.13.0",
        "requests==2.34.2",
        "rich==15.0.0",
        "shtab==1.13.0",
        "singer-python==6.8.0",
        "sqlalchemy==2.0.58",
        # `time_zone`, where the system has no zones
        "tzdata==2026.6",
        "urllib3==2.8.0",
    ],
    extras_require={
        # for `invoiced-emulator`
        "emulator": EMULATOR,
        # for a ledger that several machines share
        "postgresql": ["psycopg[binary]==3.3.9"],
        "docs": DOCS,
        "test": [
            *DOCS,
            *EMULATOR,
            "build==1.6.1",
            "hypothesis==6.168.5",
            "jsonschema-rs==0.60.3",
            "mypy==2.4.1",
            "psycopg[binary]==3.3.9",
            "pytest==9.2.0",
            "pytest-httpserver==1.2.0",
            "pytest-timeout==2.4.0",
            "pytest-xdist==3.8.0",
            "pyyaml==6.0.3",
            "responses==0.26.3",
            "ruff==0.17.6",
            "types-requests==2.33.0.20261030",
        ],
    },
    entry_points={
        "console_scripts": [
            "tap-invoiced=tap_invoiced.__main__:main",
            "target-invoiced=target_invoiced.__main__:main",
            "singer-invoiced=singer_invoiced.__main__:main",
            "invoiced-emulator=invoiced_emulator.__main__:main",
        ],
    },
)
