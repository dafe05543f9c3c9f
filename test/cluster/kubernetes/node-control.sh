#!/usr/bin/env bash
# node-control.sh STATE-DIR start|stop|kubelet-stop NAME   In the control plane's namespaces: starts a node, or its kubelet when only that is
# stopped; ends a node as a power cut does; ends its kubelet. Prints what was done: started, runs, stopped.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$1/settings"
word=$2
name=$3
folder=$S/nodes/$name
export SPAWNER_CLUSTER_ID=$ID

alive() { # sets holder (the unshare that waits for the node) and init (process 1 of the node), as the control plane numbers processes
  holder=$(cat "$folder/pid" 2>/dev/null) && [[ $(readlink "/proc/$holder/exe") == */unshare ]] || return 1
  init=$(tr -d ' ' < "/proc/$holder/task/$holder/children")
}
start() {
  mkdir -p "$folder"
  # the node writes its number before it lets go of the state folder's lock (8): no other command ever sees a node without one
  setsid bash -c 'echo $$ > "$0/pid"; exec 8<&-; exec unshare --net --mount --pid --ipc --uts --fork --kill-child=KILL --mount-proc "$@"' \
    "$folder" "$here/node.sh" "$S" "$name" 9< /proc/self/ns/net >> "$S/log/$name.log" 2>&1 < /dev/null &
  echo started
}
ask() { # SIGNAL for the node's process 1; prints its answer
  rm -f "$folder/kubelet"
  kill -s "$1" "$init"
  for ((i = 0; i < 1500; i++)); do
    [[ -e $folder/kubelet ]] && { cat "$folder/kubelet"; return; }
    sleep 0.02
  done
  echo "node $name does not answer; see $S/log/$name.log" >&2
  return 1
}

case $word in
  start) if alive && [[ $init ]]; then ask USR1; else start; fi ;;
  stop)
    if alive; then
      kill -KILL "$holder" $init 2>/dev/null || true
      for ((i = 0; i < 1500; i++)); do
        [[ -e /proc/$holder || ($init && -e /proc/$init) ]] || break
        sleep 0.02
      done
      [[ ! -e /proc/$holder ]] || { echo "node $name does not end" >&2; exit 1; }
    fi
    rm -f "$folder/pid"
    echo stopped
    ;;
  kubelet-stop)
    alive && [[ $init ]] || { echo "node $name is stopped" >&2; exit 1; }
    ask USR2
    ;;
esac
