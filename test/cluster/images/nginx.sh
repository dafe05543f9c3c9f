#!/usr/bin/env bash
# nginx.sh OUT.tar: an image `nginx:1.28` for the test cluster, which has no registry. It holds the nginx of Debian's package, fetched but not installed.
set -euo pipefail
out=$(realpath -m "$1")
here=$(dirname "$(realpath "$0")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
chmod 755 .  # apt fetches as a user of its own
apt-get download -q nginx >&2 || { echo "nginx.sh: cannot fetch Debian's package nginx; does apt-get update work here?" >&2; exit 1; }
dpkg-deb --extract nginx_*.deb files
"$here/../../../scripts/image" "$out" --name nginx:1.28 --add "$work/files/usr/sbin/nginx:usr/bin/nginx" >&2
