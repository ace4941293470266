"""Reads a list completely while it changes.

pages          one list query and one page of it
steps          what every way of reading shares; page 1 of a list
seconds        one second that holds more rows than a page
strategies     lists that can be asked for changes
known_rows     which rows were seen
scans          lists that can only be read whole
windows        one stretch of a stream, read page by page
window_sizes   how large they should be
streams        what all readers of a stream have in common
incremental, full_scan, newest_first, children
               the readers, one per strategy
external_sort  rows that are sorted on disk
readers        how each resource is read
scheduler      several streams: which pages to request next
broken_pages   a broken page, read row by row
prefetch       sends what the scheduler decides, over several connections
"""

__all__: list[str] = []
