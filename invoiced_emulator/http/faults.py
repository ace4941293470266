"""Failures of a network and its proxies, on demand and reproducible.

A rule is a JSON object: `{"kind": "status", "status": 503, "share": 0.05, "times": 3}`.

| kind | what the client sees | request executed |
| --- | --- | --- |
| `status` | `status` with a JSON error, or HTML if `html`; `retry_after` adds that header | no |
| `drop_before` | the connection closes without a response | no |
| `drop_after` | the connection closes without a response | yes |
| `half_body` | half of the promised body, then the connection closes | yes |
| `garbage` | 200 with a body that is not JSON | no |
| `stall` | the response, `seconds` late | yes, `seconds` later |
| `slow` | the response, `seconds` late | yes, at once |
| `late` | 504 with HTML at once, as of a proxy that gave up | yes, `seconds` later |
| `redirect` | 302 to `location` | no |
| `empty_objects` | a list of events in which each `data.object` is `{}` | yes |

The first rule that fires wins.
"""

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from invoiced_emulator.exceptions import FaultRuleError

KINDS = (
    "status",
    "drop_before",
    "drop_after",
    "half_body",
    "garbage",
    "stall",
    "slow",
    "late",
    "redirect",
    "empty_objects",
)
_EXECUTED = {"drop_after", "half_body", "stall", "slow", "empty_objects"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule.

    Attributes:
        kind: one of `KINDS`; the table at the top of this module describes them.
        status: the HTTP status of a `status` fault, 200 to 599.
        html: whether the body is a page of HTML, as a proxy's would be.
        retry_after: value of the header `Retry-After`: seconds or an HTTP date; None for no header.
        message: the text of the error.
        remembered: whether the response is stored under the idempotency key, as Invoiced stores its
            own failures.
        seconds: how long a `stall`, `slow` or `late` fault delays the response or the execution.
        location: the target of a `redirect`.
        share: the part of the matching requests that it hits, 0 to 1.
        times: how often it may fire; None for any number.
        methods: methods that it matches, in capital letters; None for all.
        path: the path that it matches, with everything below it; None for all.
    """

    kind: str
    status: int = 500
    html: bool = False
    retry_after: int | str | None = None
    message: str = "A fault of the emulator's own making"
    remembered: bool = False
    seconds: float = 0
    location: str = "/"
    share: float = 1.0
    times: int | None = None
    methods: tuple[str, ...] | None = None
    path: str | None = None

    @property
    def executes(self) -> bool:
        """Whether the request is executed in spite of the fault."""
        return self.kind in _EXECUTED

    def concerns(self, method: str, path: str) -> bool:
        """Whether the rule matches a request, `share` and `times` aside."""
        if self.methods is not None and method not in self.methods:
            return False
        return self.path is None or path == self.path or path.startswith(f"{self.path}/")


@dataclass(slots=True)
class Faults:
    """Rules in order, and the seeded random numbers that decide for those with a `share`.

    Attributes:
        rules: JSON objects, as the module describes them. Raises FaultRuleError for one that makes
            no sense.
        seed: the same seed and the same requests give the same faults.
    """

    rules: Iterable[Mapping[str, Any]]
    seed: int = 0
    _rules: list[Fault] = field(init=False)
    _fired: list[int] = field(init=False)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._rules = [_fault(position, rule) for position, rule in enumerate(self.rules, 1)]
        self._fired = [0] * len(self._rules)
        self._random = random.Random(self.seed)

    def next(self, method: str, path: str) -> Fault | None:
        """The fault that hits this request, if any. Counts it."""
        for position, rule in enumerate(self._rules):
            if not rule.concerns(method, path):
                continue
            if rule.times is not None and self._fired[position] >= rule.times:
                continue
            if rule.share >= 1 or self._random.random() < rule.share:
                self._fired[position] += 1
                return rule
        return None


def read(file: Path) -> Faults:
    """The faults of a JSON file, which holds a list of rules.

    Raises:
        FaultRuleError: if the file cannot be read, or a rule makes no sense.
    """
    try:
        rules = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise FaultRuleError(f"cannot read {file}: {error.strerror}") from error
    except ValueError as error:
        raise FaultRuleError(f"{file} is not JSON: {error}") from error
    if not isinstance(rules, list):
        raise FaultRuleError(f"{file} must hold a list of rules")
    return Faults(rules)


_TYPES: Mapping[str, tuple[type, ...]] = {
    "kind": (str,),
    "status": (int,),
    "html": (bool,),
    "retry_after": (int, str),
    "message": (str,),
    "remembered": (bool,),
    "seconds": (int, float),
    "location": (str,),
    "share": (int, float),
    "times": (int,),
    "methods": (list, tuple),
    "path": (str,),
}


def _fault(position: int, rule: object) -> Fault:
    if not isinstance(rule, Mapping):
        raise FaultRuleError(f"rule {position} is not an object")
    known = {entry.name for entry in fields(Fault)}
    for name, value in rule.items():
        if name not in known:
            raise FaultRuleError(f"rule {position} has an unknown setting {name!r}")
        if not isinstance(value, _TYPES[name]):
            raise FaultRuleError(f"rule {position} has {name} = {value!r}")
    if rule.get("kind") not in KINDS:
        raise FaultRuleError(f"rule {position} needs a kind, one of {', '.join(KINDS)}")
    if not 200 <= rule.get("status", 500) <= 599:
        raise FaultRuleError(f"rule {position} has status = {rule['status']!r}")
    settings = dict(rule)
    if "methods" in settings:
        settings["methods"] = tuple(str(method).upper() for method in settings["methods"])
    return Fault(**settings)
