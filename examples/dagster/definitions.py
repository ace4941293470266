"""Many Invoiced accounts on Dagster: a partition per account, an asset per pipeline."""

import json
import os
import subprocess
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import psycopg2
import requests
from accounts import Account, read_accounts
from processes import PipelineError, Report, Stage, run_pipeline
from psycopg2 import sql

# Where the tables of all accounts are, the states of the pipelines, and the target's ledger.
DATABASE = os.environ["INVOICED_DATABASE"]
HOME = Path(os.environ["DAGSTER_HOME"])
PIPELINE = "warehouse"

PARTITIONS = dg.DynamicPartitionsDefinition(name="accounts")
# For a step that fails or is killed. A revoked key fails again at once, and costs one request.
RETRY = dg.RetryPolicy(max_retries=2, delay=5, backoff=dg.Backoff.EXPONENTIAL)
IN_PROGRESS = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def _run(stages: list[Stage], account: Account, lines: Iterator[str] | None = None) -> Report:
    try:
        return run_pipeline(stages, HOME / "locks" / account.name, lines)
    except PipelineError as error:
        raise dg.Failure(str(error)) from None


# Checks with partitions are new in this version, which requirements.txt pins.
warnings.simplefilter("ignore", dg.PreviewWarning)


def _check(name: str, asset: str, description: str) -> dg.AssetCheckSpec:
    """With a result per account: otherwise the UI shows only that of the account checked last."""
    return dg.AssetCheckSpec(name, asset=asset, description=description, partitions_def=PARTITIONS)


# Read: tap-invoiced | target-postgres | singer-invoiced state save


@dg.asset(
    partitions_def=PARTITIONS,
    retry_policy=RETRY,
    kinds={"postgres"},
    check_specs=[
        _check("verify", "tables", "Each change was read."),
        _check("counts", "tables", "Tables have a row per object."),
    ],
)
def tables(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The account's objects, as tables in a schema of its own."""
    account = read_accounts()[context.partition_key]
    report = _run(_load(account), account)
    state = _saved_state(account)
    return dg.MaterializeResult(
        metadata={
            "records": int(report.total("record_count")),
            "seconds": round(report.total("job_duration"), 3),
            "requests": int(report.total("http_request_count")),
            "retries": int(report.total("http_retry_count")),
            "bookmark": min(_bookmarks(state), default="none"),
            "records by stream": {**report.metrics["record_count"]},
            "state": state,
        },
        check_results=[_verified(report), _counted(account)],
    )


def _load(account: Account) -> list[Stage]:
    """The tap reads the account's state; what the target prints replaces it."""
    tap = account.environment("TAP_INVOICED", pipeline=PIPELINE, capture_deletes=True, verify=True)
    target = {
        **os.environ,
        "TARGET_POSTGRES_SQLALCHEMY_URL": DATABASE,
        "TARGET_POSTGRES_DEFAULT_TARGET_SCHEMA": account.name,
    }
    whose = ("--account", account.name, "--pipeline", PIPELINE)
    return [
        Stage(("tap-invoiced", "--state", DATABASE), tap),
        Stage(("target-postgres", "--config=ENV"), target),
        Stage(("singer-invoiced", "state", "save", DATABASE, *whose), os.environ),
    ]


def _saved_state(account: Account) -> dict[str, Any]:
    whose = ("--account", account.name, "--pipeline", PIPELINE)
    command = ("singer-invoiced", "state", "show", DATABASE, *whose)
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)


def _bookmarks(state: dict[str, Any]) -> Iterator[str]:
    for bookmark in state["bookmarks"].values():
        yield from (value for key, value in bookmark.items() if key.endswith("_at"))


def _verified(report: Report) -> dg.AssetCheckResult:
    """With `verify`, the tap counts each stream again, and fails if it did not read all."""
    verified = report.metrics["verified_count"]
    return dg.AssetCheckResult(
        check_name="verify", passed=bool(verified), metadata={"objects": {**verified}}
    )


def _counted(account: Account) -> dg.AssetCheckResult:
    """A warning, since the account may change between the load and the count."""
    try:
        expected = account.counts()
    except requests.RequestException as error:  # what is loaded stays loaded
        passed, metadata = False, {"not counted": str(error)}
    else:
        found = _rows(account, list(expected))
        passed, metadata = expected == found, {"account": expected, "tables": found}
    return dg.AssetCheckResult(
        check_name="counts",
        passed=passed,
        severity=dg.AssetCheckSeverity.WARN,
        metadata=metadata,
    )


def _rows(account: Account, streams: Sequence[str]) -> dict[str, int]:
    """A table that does not exist has no rows."""
    query = "SELECT count(*) FROM {} WHERE _sdc_deleted_at IS NULL"
    found = {}
    with psycopg2.connect(DATABASE) as connection, connection.cursor() as cursor:
        for stream in streams:
            cursor.execute("SELECT to_regclass(%s)", (f"{account.name}.{stream}",))
            found[stream] = 0
            if cursor.fetchone()[0] is not None:
                cursor.execute(sql.SQL(query).format(sql.Identifier(account.name, stream)))
                found[stream] = cursor.fetchone()[0]
    return found


# Write: rows of a table | target-invoiced


@dg.asset(
    partitions_def=PARTITIONS,
    retry_policy=RETRY,
    deps=[tables],
    kinds={"invoiced"},
    check_specs=[_check("no_rejects", "payments", "Invoiced refused no payment.")],
)
def payments(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """The rows of the table `new_payments` in the account's schema, as payments in Invoiced.

    Every run sends all rows; the ledger knows those that were written, and sends them no more.
    """
    account = read_accounts()[context.partition_key]
    rejects, report_file = (HOME / folder / account.name for folder in ("rejects", "reports"))
    for file in (rejects, report_file):
        file.parent.mkdir(parents=True, exist_ok=True)
    target = account.environment(
        "TARGET_INVOICED",
        ledger=DATABASE,
        pipeline="payments",
        streams={"new_payments": {"endpoint": "payments", "ids": "external"}},
        rejects=str(rejects),
        max_rejects=-1,
        report=str(report_file),
    )
    _run([Stage(("target-invoiced",), target)], account, _messages(account))
    counts = json.loads(report_file.read_text()).get("new_payments", {})
    rejected = counts.get("rejected", 0)
    return dg.MaterializeResult(
        metadata={
            "records": sum(counts.get(name, 0) for name in ("created", "updated", "unchanged")),
            "created": counts.get("created", 0),
            "unchanged": counts.get("unchanged", 0),
            "rejects": rejected,
            "retries": counts.get("retries", 0),
            "seconds": counts.get("seconds", 0.0),
        },
        check_results=[
            dg.AssetCheckResult(
                passed=not rejected,
                severity=dg.AssetCheckSeverity.WARN,
                metadata={"rejects": rejected, "file": dg.MetadataValue.path(str(rejects))},
            )
        ],
    )


def _messages(account: Account) -> Iterator[str]:
    """Singer messages with a row per payment, by its key in the bank's statement."""
    schema = {"type": "SCHEMA", "stream": "new_payments", "key_properties": ["id"]}
    yield json.dumps(schema | {"schema": {"type": "object"}})
    table = sql.Identifier(account.name, "new_payments")
    with psycopg2.connect(DATABASE) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass(%s)", (f"{account.name}.new_payments",))
        if cursor.fetchone()[0] is None:
            return
        cursor.execute(
            sql.SQL("SELECT key, customer, currency, amount, date FROM {} ORDER BY key").format(
                table
            )
        )
        for key, customer, currency, amount, date in cursor:
            record = {"id": key, "customer": {"number": customer}, "currency": currency}
            record |= {"amount": str(amount), "date": date.isoformat(), "method": "wire_transfer"}
            yield json.dumps({"type": "RECORD", "stream": "new_payments", "record": record})


# When


@dg.sensor(minimum_interval_seconds=30, default_status=dg.DefaultSensorStatus.RUNNING)
def accounts_file(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
    """Adds and removes partitions, as accounts come and go in the file."""
    named = set(read_accounts())
    known = set(context.instance.get_dynamic_partitions("accounts"))
    if named == known:
        return dg.SkipReason("the file names the accounts that are known")
    return dg.SensorResult(
        dynamic_partitions_requests=[
            PARTITIONS.build_add_request(sorted(named - known)),
            PARTITIONS.build_delete_request(sorted(known - named)),
        ]
    )


sync = dg.define_asset_job(
    "sync",
    selection=[tables, payments],
    partitions_def=PARTITIONS,
    description="Load each account into its tables, then write its payments.",
)


@dg.schedule(cron_schedule="*/15 * * * *", job=sync)
def every_quarter_of_an_hour(context: dg.ScheduleEvaluationContext) -> Iterator[dg.RunRequest]:
    """A run per account, unless one of it is waiting or in progress."""
    runs = context.instance.get_runs(dg.RunsFilter(job_name="sync", statuses=IN_PROGRESS))
    busy = {run.tags.get("dagster/partition") for run in runs}
    for account in context.instance.get_dynamic_partitions("accounts"):
        if account not in busy:
            yield dg.RunRequest(partition_key=account)


definitions = dg.Definitions(
    assets=[tables, payments],
    jobs=[sync],
    schedules=[every_quarter_of_an_hour],
    sensors=[accounts_file],
    # One step after the other: a run has one process at a time that uses the account's key.
    executor=dg.multiprocess_executor.configured(
        {"max_concurrent": 1, "start_method": {"forkserver": {}}}
    ),
)
