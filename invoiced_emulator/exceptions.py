"""The one way a rule says no."""


class ApiError(Exception):
    """The request is refused whole, and nothing was changed.

    `status` is the HTTP status; `param` names the parameter or attribute at fault, if one is.
    """

    def __init__(self, message: str, param: str | None = None, status: int = 400) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.status = status
