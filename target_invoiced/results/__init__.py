"""From an outcome to the ledger, the report, the rejects file and the responses.

recorder       records an outcome everywhere
rejects        the rejects file
responses      the responses file and the webhook
report         the closing table
message_file   a file of Singer messages
"""

__all__: list[str] = []
