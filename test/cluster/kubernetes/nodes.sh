#!/usr/bin/env bash
# nodes.sh STATE-DIR node-start|node-stop|kubelet-stop NAME, nodes.sh STATE-DIR load-image TAR…, nodes.sh STATE-DIR show
# What is done with the nodes of a running cluster, from the host.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$here/state.sh"
state_folder "$1"
word=$2
shift 2
. "$S/settings"
fail() { echo "scripts/cluster: $*" >&2; exit 1; }

control() { # WORD NAME
  SPAWNER_CLUSTER_ID=$ID nsenter -t "$(cat "$S/initpid")" -m -p -n -u -i -- "$here/node-control.sh" "$S" "$@"
}
a_node() {
  [[ ${1:-} && " $NODES " == *" $1 "* ]] || fail "$word needs the name of a node: $NODES"
  lock_state
}
wait_ready() { # NAME SINCE: Ready, and said so by the kubelet of this start
  local deadline=$((SECONDS + 60)) at ready
  while ((SECONDS < deadline)); do
    read -r at ready < <("$KUBE" kubectl --kubeconfig "$S/kubeconfig" get node "$1" \
      -o 'jsonpath={range .status.conditions[?(@.type=="Ready")]}{.lastHeartbeatTime} {.status}{"\n"}{end}') || true
    [[ ${ready:-} == True ]] && (($(date -d "$at" +%s) >= $2)) && return
    sleep 0.1
  done
  fail "node $1 is not Ready after 60 s; see $S/log/$1.log and $S/log/$1-kubelet.log"
}
state_of() { # NAME
  if [[ ! -e $S/nodes/$1/pid ]]; then echo "stopped"
  elif [[ $(cat "$S/nodes/$1/kubelet" 2>/dev/null) == stopped ]]; then echo "runs, its kubelet is stopped"
  else echo "runs"; fi
}

case $word in
  node-start)
    a_node "$@"
    since=$(date +%s)
    if [[ $(control start "$1") == started ]]; then wait_ready "$1" "$since"; fi
    ;;
  node-stop) a_node "$@"; control stop "$1" > /dev/null ;;
  kubelet-stop) a_node "$@"; control kubelet-stop "$1" > /dev/null ;;
  show) for name in $NODES; do echo "node $name $(state_of "$name")"; done ;;
  load-image)
    (($#)) || fail "load-image needs the archive of an image"
    for archive in "$@"; do
      loads=()
      for name in $NODES; do
        if [[ $(state_of "$name") == stopped ]]; then echo "scripts/cluster: node $name is stopped and gets no image" >&2; continue; fi
        ctr -a "$S/nodes/$name/containerd.sock" -n k8s.io images import --snapshotter "$SNAPSHOTTER" - < "$archive" &
        loads+=($!)
      done
      for load in "${loads[@]}"; do wait "$load" || fail "$archive cannot be loaded into every node"; done
    done
    ;;
esac
