"""What the emulator raises.

ApiError         a request is refused, as Invoiced would refuse it
FaultRuleError   a rule for faults makes no sense
"""


class ApiError(Exception):
    """The request is refused whole, and nothing was changed.

    `status` is the HTTP status; `param` names the parameter or attribute at fault, if one is.
    """

    def __init__(self, message: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status


class FaultRuleError(ValueError):
    """A rule makes no sense; the message is one line that says which and why."""
