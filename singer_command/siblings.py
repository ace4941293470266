"""Settings of one command that the other has not: one file may serve both."""

TAP_SETTINGS = frozenset(
    {
        "start_date",
        "page_size",
        "lookback_seconds",
        "capture_deletes",
        "verify",
        "on_bad_value",
        "extra_columns",
    }
)
TARGET_SETTINGS = frozenset(
    {
        "streams",
        "ids",
        "ledger",
        "unknown_streams",
        "rejects",
        "max_rejects",
        "responses",
        "response_webhook",
        "report",
        "allow_card_like",
        "allow_side_effects",
    }
)
