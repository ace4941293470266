"""Reads an Invoiced account and writes Singer messages.

__main__      the command line
cli           what the command does with its arguments
settings      the settings of the tap
discovery     the catalog
selection     what the catalog selects
state_file    the state of an earlier run
bookmarks     what a bookmark means
exceptions    the tree of exceptions
sync          the run: reads the streams and writes their messages
stream_failures  which failures end the run, and which only their stream
records       from a page to RECORD lines
fast_decode   typed decoding of a page, where every row fits the schema
conversion_loops  what is done to the attributes of these rows
transform     one row by its schema
conversion    a value of another type than the schema's
bad_values    values that cannot be emitted
columns       columns that the schema does not name
date_times    date-times of every spelling
messages      Singer messages as lines
event_store   events, in a temporary file
deletions     events of deleted objects
event_changes  rows that only events show: deleted, moved by a merge, a changed balance
changed_parents  which parents' children a run has to read
children      the streams of children of a run
verification  compares what was read with what Invoiced counts
row_identity  the id of a row, and when it was updated
progress      log lines and bars
"""

__all__ = ["DESCRIPTION"]

DESCRIPTION = "Reads an Invoiced account and writes Singer messages to stdout."
