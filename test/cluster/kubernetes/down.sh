#!/usr/bin/env bash
# down.sh STATE-DIR   Ends the cluster of STATE-DIR and removes all that it made, also after a crash.
set -euo pipefail
. "$(dirname "$(realpath "$0")")/state.sh"
state_folder "$1"
[[ -d $S ]] || exit 0
lock_state
end_cluster
rm -f "$S/id"
rmdir "$S"
