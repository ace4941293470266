"""From a line of stdin to a message, and from recorded outcomes to STATE.

messages     the Singer messages, and the parser of lines
reader       the lines that were read ahead
validation   checks a record against its SCHEMA
checkpoints  which STATE may be written
sanitize     hides the values of a record that cannot be stored or sent
batches      the records in the files of a BATCH message
"""

__all__: list[str] = []
