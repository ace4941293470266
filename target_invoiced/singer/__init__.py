"""From a line of stdin to a message, and from settled records to the STATE that may be written.

messages     the Singer messages and the reader that parses them
reader       the lines that were read ahead
validation   a record against its SCHEMA
checkpoints  which STATE may be written
keepable     the part of a record that can be kept
batches      the records in the files of a BATCH message
"""

__all__: list[str] = []
