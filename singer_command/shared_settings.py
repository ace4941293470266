"""The settings that only one command has. Both may share one config file, without a warning."""

TAP_SETTINGS = frozenset(
    {
        "start_date",
        "page_size",
        "lookback_seconds",
        "capture_deletes",
        "verify",
        "children_sweep_days",
        "on_bad_value",
        "extra_columns",
    }
)
TARGET_SETTINGS = frozenset(
    {
        "streams",
        "ids",
        "ledger",
        "mirror_limit",
        "unknown_streams",
        "rejects",
        "max_rejects",
        "responses",
        "response_webhook",
        "report",
        "allow_card_like",
        "allow_side_effects",
        "time_zone",
    }
)
