"""What `make bench` computes and how it measures. The measurement itself takes minutes."""

import sys
from pathlib import Path

import pytest

# The benchmarks belong to the repository and are not installed.
sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks import table
from benchmarks.runs import Run, RunFailedError, measured, middle


def test_a_rate_is_held_against_its_goal() -> None:
    row = table.more("account", "records/s", 50_000, "peer", 3_200, at_least=17)
    assert (row.against, row.ratio, row.goal, row.met) == (
        "3,200 peer",
        "15.62 x",
        ">= 17 x",
        False,
    )
    assert table.more("account", "records/s", 54_400, "peer", 3_200, at_least=17).met


def test_a_cost_is_shown_as_a_part_of_another() -> None:
    row = table.less("account", "CPU, us per record", 20, "peer", 300, at_most=1 / 12)
    assert (row.ours, row.ratio, row.goal, row.met) == ("20", "1/15", "<= 1/12", True)


def test_what_has_no_goal_is_not_judged() -> None:
    assert table.beside("account", "CPU, %", 12.34, "peer", 4).cells[-2:] == ("", "")


def test_the_markdown_has_a_line_per_row() -> None:
    rows = [table.alone("account", "peak memory, MB", 119.6, at_most=120)]
    assert table.as_markdown(rows).splitlines()[2:] == [
        "| account | peak memory, MB | 120 |  |  | < 120 | yes |"
    ]


def test_the_median_run_counts() -> None:
    runs = [Run(records=1, seconds=s, cpu_s=0, peak_mb=0) for s in (9, 2, 3)]
    assert middle(runs).seconds == 3


def test_records_are_counted_across_the_edges_of_chunks() -> None:
    lines = 'for n in range(9_999): print(\'{"type": "RECORD", "record": {"id": %d}}\' % n)'
    run = measured([sys.executable, "-c", lines], timeout_s=20)
    assert run.records == 9_999


def test_cpu_and_memory_are_those_of_the_command() -> None:
    work = "import time; a = bytearray(80_000_000)\nwhile time.process_time() < 0.3: pass"
    run = measured([sys.executable, "-c", work], timeout_s=20)
    assert run.cpu_s > 0.3
    assert 80 < run.peak_mb < 110


@pytest.mark.parametrize(
    "code",
    [
        pytest.param("import time; time.sleep(60)", id="too-long"),
        pytest.param("raise SystemExit('no such account')", id="failed"),
    ],
)
def test_a_run_that_does_not_end_well_is_no_measurement(code: str) -> None:
    with pytest.raises(RunFailedError):
        measured([sys.executable, "-c", code], timeout_s=1)
