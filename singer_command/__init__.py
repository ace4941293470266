"""What it takes to be a command of a Singer pipeline, whatever the command does.

arguments   what is typed after its name
files       the JSON files that are named there
logs        one line each on stderr, as text or as JSON, without secrets
database    SQLite or PostgreSQL, by URL
states      states of pipelines in such a database
signals     SIGTERM and SIGINT end a run where nothing is cut in half
stdout      whole lines, and nothing else
exceptions  what ends a run from outside
memory      large blocks are given back
exit_codes  exit codes, and the one line about a failure
text_tables numbers for people, at the end
about       what the command can do and how it is set
meltano     the same, as Meltano wants it
"""

# Serves the commands of this distribution, and nobody else.
__all__: list[str] = []
