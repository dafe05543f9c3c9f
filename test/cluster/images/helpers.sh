#!/usr/bin/env bash
# helpers.sh FOLDER: makes the images that the cluster itself needs, once: the pause container of every pod.
set -euo pipefail
out=$1
here=$(dirname "$(realpath "$0")")
[[ -e $out/pause.tar ]] && exit 0
mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
gcc -static -Os -o "$work/pause" "$here/pause.c"
"$here/../../../scripts/image" "$work/pause.tar" --name k8s.test/pause:1 --add "$work/pause:pause" > /dev/null
mv "$work/pause.tar" "$out/pause.tar.$$"
mv "$out/pause.tar.$$" "$out/pause.tar"  # at once: whoever looks finds a whole one or none
