#!/usr/bin/env bash
# down.sh STATE-DIR   Ends the cluster of STATE-DIR and removes all that it made, also after a crash.
set -uo pipefail
S=$(realpath -m "$1")
[ -d "$S" ] || exit 0
[ -e "$S/id" ] || [ -z "$(ls -A "$S")" ] || { echo "$S is not a cluster's state directory" >&2; exit 2; }
if read -r pid start < "$S/pid" 2>/dev/null && [ "$(awk '{print $22}' "/proc/$pid/stat" 2>/dev/null)" = "$start" ]; then
  # the end of process 1 of a PID namespace is the end of every process in it
  init=$(tr -d ' ' < "/proc/$pid/task/$pid/children")
  [ -n "$init" ] && kill -KILL "$init"
  lives() { [ "$(awk '{print $22}' "/proc/$pid/stat" 2>/dev/null)" = "$start" ] && [ "$(awk '{print $3}' "/proc/$pid/stat" 2>/dev/null)" != Z ]; }
  for i in $(seq 1000); do lives || break; sleep 0.02; done
  lives && { echo "process $pid of the cluster in $S does not end" >&2; exit 1; }
fi
if ID=$(cat "$S/id" 2>/dev/null) && [ -n "$ID" ]; then
  for i in $(seq 100); do
    left=0
    for h in /sys/fs/cgroup /sys/fs/cgroup/*; do
      [ -d "$h/$ID" ] && { find "$h/$ID" -depth -type d -exec rmdir {} + 2>/dev/null || left=1; }
    done
    [ $left = 0 ] && break; sleep 0.05
  done
fi
rm -rf --one-file-system "$S"
