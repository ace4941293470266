#!/usr/bin/env bash
# One incremental run of `tap-invoiced | TARGET`, for cron. In a crontab:
#
#   PATH=/srv/invoiced/bin:/usr/local/bin:/usr/bin:/bin
#   */15 * * * * cron.sh /srv/invoiced target-jsonl --config target.json 2>&1 | logger -t invoiced
#
# FOLDER holds config.json, catalog.json if there is one, and state.json, which is kept here:
# replaced in one step, and only by a whole STATE that the target has echoed. That counts even if
# the run failed after it, or was killed. A run that finds another one at work leaves it alone.
# What is said goes to stderr; `logger` hands it to the system's log, which rotates it.
set -euo pipefail

fail() {
  echo "cron.sh: $2" >&2
  exit "$1"
}

[ $# -ge 2 ] || fail 2 "usage: cron.sh FOLDER TARGET [ARGUMENTS]"
folder=$1
shift
[ -d "$folder" ] || fail 1 "there is no folder $folder"
[ -w "$folder" ] && cd -- "$folder" 2>/dev/null || fail 1 "the folder $folder cannot be written to"
[ -f config.json ] || fail 1 "there is no config.json in the folder $folder"
for needed in flock tap-invoiced "$1"; do
  command -v -- "$needed" >/dev/null || fail 1 "there is no command $needed; the PATH is $PATH"
done

# The tap and the target inherit the lock: it holds as long as one of the three is alive.
exec 9>lock
flock --nonblock 9 || { echo "the run before is still at work: nothing is done" >&2; exit 0; }

# `read` fails on a last line without its end, which a target that was killed may leave.
keep_last_state() {
  local line state=
  [ -f echoed ] || return 0
  while IFS= read -r line; do
    if [[ $line == "{"?*"}" ]]; then state=$line; fi
  done <echoed
  if [ -n "$state" ]; then
    printf '%s\n' "$state" >state.new
    sync state.new
    mv state.new state.json
  fi
  rm echoed
}

keep_last_state # of a run that was killed before it came to it
arguments=(--config config.json)
if [ -s catalog.json ]; then arguments+=(--catalog catalog.json); fi
if [ -s state.json ]; then arguments+=(--state state.json); fi
code=0
tap-invoiced "${arguments[@]}" | "$@" >echoed || code=$?
keep_last_state
exit "$code"
