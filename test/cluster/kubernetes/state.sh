# state.sh (sourced): the state folder of a cluster, its lock, and the end of all that belongs to a cluster.
# How a cluster's things are found, also after a crash at any moment: every process of it has SPAWNER_CLUSTER_ID=$ID in the environment that
# it began with, except those in containers, which end with their node's process 1; its cgroups lie in folders with the name $ID.

state_folder() { # PATH: sets S and ID
  S=$(realpath -m "$1")
  ID=k8st-$(printf %s "$S" | sha256sum | cut -c1-8)
}

# One command at a time works on a state folder: the lock is the folder itself, open as file 8. What outlives the command closes it.
lock_state() {
  local deadline=$((SECONDS + 120))
  while :; do
    mkdir -p "$S"
    { exec 8< "$S"; } 2>/dev/null || continue
    flock -w $((deadline - SECONDS)) 8 || { echo "another scripts/cluster works on $S since 2 minutes; end it first" >&2; exit 1; }
    # a `down` that held the lock may have removed the folder
    [[ $(stat -c %d:%i "$S" 2>/dev/null) == "$(stat -Lc %d:%i /proc/self/fd/8)" ]] && return
  done
}

members() { grep -lzxsF "SPAWNER_CLUSTER_ID=$ID" /proc/[0-9]*/environ | cut -d/ -f3 | sort -n || true; }

start_time() { # PID: sets REPLY to the time at which it began; fails when it has ended
  local stat fields
  { read -r stat < "/proc/$1/stat"; } 2>/dev/null || return 1
  read -ra fields <<< "${stat##*) }"
  REPLY=${fields[19]}
  [[ ${fields[0]} != Z ]]
}

end_processes() {
  local deadline=$((SECONDS + 30)) pid
  local -A began=()
  while ((SECONDS < deadline)); do
    for pid in $(members); do
      if start_time "$pid"; then began[$pid]=$REPLY; fi
    done
    # process 1 of a PID namespace has ended only when all in it have; its environment is gone before that
    for pid in "${!began[@]}"; do
      if start_time "$pid" && [[ $REPLY == "${began[$pid]}" ]]; then kill -KILL "$pid" 2>/dev/null || true; else unset "began[$pid]"; fi
    done
    ((${#began[@]})) || return 0
    sleep 0.02
  done
  echo "processes of the cluster in $S do not end: ${!began[*]}" >&2
  return 1
}

remove_cgroups() { # PATH under each hierarchy
  local deadline=$((SECONDS + 10)) hierarchy left
  while ((SECONDS < deadline)); do
    left=
    for hierarchy in /sys/fs/cgroup /sys/fs/cgroup/*; do
      [[ -d $hierarchy/$1 ]] || continue
      find "$hierarchy/$1" -depth -type d -exec rmdir {} + 2>/dev/null || left=$hierarchy/$1
    done
    [[ $left ]] || return 0
    sleep 0.05
  done
  echo "the cgroup $left cannot be removed: a process is in it" >&2
  return 1
}

# Ends the cluster, and empties its folder but for the file that says whose it is.
end_cluster() {
  [[ -e $S/id || -z $(ls -A "$S") ]] || { echo "$S is not a cluster's state folder" >&2; exit 2; }
  end_processes
  remove_cgroups "$ID"
  find "$S" -xdev -mindepth 1 ! -path "$S/id" -delete
}
