#!/usr/bin/env bash
# cycles.sh [TIMES] [NODES]   Proves that a cluster killed at any moment leaves nothing that the next one cannot clean: TIMES (20) times up,
# kill -9 at a random moment after `up` began, up again, look whether it is Ready; at last down, and a look at what is left on this machine.
# The victim is, by chance: the command `up`, the cluster's outer processes, any one process of the cluster, or all of it. One line a cycle.
# SEED repeats the choices. Uses a state folder of its own; other clusters on the machine do not matter.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
cluster=$here/../../../scripts/cluster
. "$here/state.sh"
times=${1:-20}
nodes=${2:-1}
RANDOM=${SEED:=$$}
folder=$(mktemp -d /tmp/spawner-cycles-XXXXXX)
state_folder "$folder/state"
trap '"$cluster" --state "$S" down && rm -rf "$folder"' EXIT
milliseconds() { echo $(($(date +%s%N) / 1000000)); }

family() { # PID…: these and all that descend from them, each as PID:START
  local all=" $* " before="" pid parent
  while [[ $all != "$before" ]]; do
    before=$all
    while read -r pid parent; do
      if [[ $all == *" $parent "* && $all != *" $pid "* ]]; then all+="$pid "; fi
    done < <(ps -eo pid=,ppid=)
  done
  for pid in $all; do if start_time "$pid"; then echo "$pid:$REPLY"; fi; done
}
survivors() { # PID:START…
  local one
  for one in "$@"; do if start_time "${one%:*}" && [[ $REPLY == "${one#*:}" ]]; then echo "${one%:*}"; fi; done
}
on_the_host() { # what a cluster could leave behind, apart from its processes
  echo "links: $(ip -o link | awk '{print $2}' | sort | xargs)"
  echo "nftables: $(nft list tables | sort | xargs)"
  echo "mounts: $(awk '{print $5}' /proc/self/mountinfo | sort | sha256sum | cut -c1-16) of them $(grep -c "$ID\|$S" /proc/self/mountinfo || true) ours"
  echo "named network namespaces: $(ip netns list | xargs)"
  echo "cgroups: $(find /sys/fs/cgroup -maxdepth 2 -name "$ID" | xargs)"
  echo "folders: $(find "$S" -maxdepth 0 2>/dev/null | xargs)"
}
up() { "$cluster" --state "$S" up --nodes "$nodes"; }
ready_nodes() { "$cluster" --state "$S" kubectl get nodes --no-headers | awk '$2 == "Ready"' | wc -l; }
run_a_pod() {
  "$cluster" --state "$S" kubectl run pod --image=k8s.test/pause:1 --image-pull-policy=Never --restart=Never > /dev/null
  "$cluster" --state "$S" kubectl wait --for=condition=Ready pod/pod --timeout=30s > /dev/null
}
fail() { echo "FAILED: $*" >&2; exit 1; }

echo "SEED=$SEED"
before=$(on_the_host)
seen=()
for ((cycle = 1; cycle <= times; cycle++)); do
  began=$(milliseconds)
  setsid "$cluster" --state "$S" up --nodes "$nodes" > "$folder/up.log" 2>&1 &
  command=$!
  disown  # else bash tells of its end
  delay=$((RANDOM % (7000 + 1500 * nodes)))
  sleep "$((delay / 1000)).$(printf %03d $((delay % 1000)))"  # the random moment
  moment=during
  [[ -e /proc/$command ]] || moment=after
  mapfile -t theirs < <(members)
  mapfile -t now < <(family "$command" "${theirs[@]}")
  seen+=("${now[@]}")
  count=${#theirs[@]}
  choice=$((RANDOM % 4))
  ((${#theirs[@]})) || choice=0
  case $choice in
    0) victim="up"; kill -KILL -- "-$command" 2>/dev/null || true ;;
    1) victim="outer"; kill -KILL "${theirs[0]}" 2>/dev/null || true ;;  # the eldest: the unshare that waits for the control plane
    2) victim="one"; kill -KILL "${theirs[RANDOM % ${#theirs[@]}]}" 2>/dev/null || true; kill -KILL -- "-$command" 2>/dev/null || true ;;
    3) victim="all"; kill -KILL -- "-$command" "${theirs[@]}" 2>/dev/null || true ;;
  esac
  # an `up` that lost its cluster says so and ends; one whose cluster was finished has ended
  timeout 120 tail --pid="$command" -f /dev/null || fail "cycle $cycle: up goes on without its cluster"
  again=$(milliseconds)
  up > "$folder/again.log" 2>&1 || { cat "$folder/again.log" >&2; fail "cycle $cycle: up after the kill of $victim"; }
  took=$(($(milliseconds) - again))
  [[ $(ready_nodes) == "$nodes" ]] || fail "cycle $cycle: not every node is Ready"
  run_a_pod
  mapfile -t left < <(survivors "${seen[@]}")
  ((${#left[@]} == 0)) || fail "cycle $cycle: processes of an earlier cluster live: ${left[*]}"
  mapfile -t theirs < <(members)
  mapfile -t now < <(family "${theirs[@]}")
  seen+=("${now[@]}")
  printf 'cycle %2d: %-5s killed %4d ms after up began (%s it, then %d processes); up again in %d ms, %d Ready, none left of before\n' \
    "$cycle" "$victim" $((again - began > delay ? delay : again - began)) "$moment" "$count" "$took" "$nodes"
  case $((cycle % 3)) in  # the next up finds nothing, a dead cluster with pods, a living one with pods
    0) "$cluster" --state "$S" down ;;
    1) kill -KILL "${theirs[0]}" ;;
  esac
done
"$cluster" --state "$S" down
mapfile -t left < <(survivors "${seen[@]}")
((${#left[@]} == 0)) || fail "processes live after down: ${left[*]}"
after=$(on_the_host)
[[ $before == "$after" ]] || { diff <(echo "$before") <(echo "$after") >&2 || true; fail "the machine is not as it was"; }
echo "$times cycles; ${#seen[@]} processes seen, none lives; on the machine as before:"
echo "$after"
