#!/usr/bin/env bash
# up.sh STATE-DIR NODES   Starts a Kubernetes of NODES nodes in namespaces of its own; returns when its nodes are Ready.
# Everything lives in STATE-DIR. down.sh STATE-DIR ends it, also after a crash.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
. "$here/state.sh"
state_folder "$1"
KUBE=${KUBE:?path of the built binary}
IMAGES=${IMAGES:?folder with pause.tar and others}
SNAPSHOTTER=${SNAPSHOTTER:-overlayfs}
NODE_GRACE=${SPAWNER_CLUSTER_NODE_GRACE:-12}
EVICT_AFTER=${SPAWNER_CLUSTER_EVICT_AFTER:-300}
fail() { echo "scripts/cluster: $*" >&2; exit 2; }
[[ $2 =~ ^[1-9]$ ]] || fail "--nodes takes 1 to 9"
[[ $NODE_GRACE =~ ^[0-9]+$ && $EVICT_AFTER =~ ^[0-9]+$ ]] || fail "SPAWNER_CLUSTER_NODE_GRACE and SPAWNER_CLUSTER_EVICT_AFTER are numbers of seconds"
NODES=$(seq -s ' ' -f 'n%g' "$2")
for path in "$S/" "$KUBE" "$here/"; do
  case $path in /run/*|/var/run/*|/var/lib/*|/var/log/*) fail "$path cannot be under /run, /var/lib or /var/log: a node has its own there" ;; esac
done
((${#S} <= 70)) || fail "the path $S is too long for the sockets in it: 70 characters at most"
lock_state
end_cluster
chmod 700 "$S"  # tokens and keys are in it
echo "$ID" > "$S/id"
mkdir -p "$S"/{pki,log,etc,lib,images,nodes}
for value in S ID KUBE NODES SNAPSHOTTER NODE_GRACE EVICT_AFTER; do printf '%s=%q\n' $value "${!value}"; done > "$S/settings"

# --- certificates: one CA; the API server's; the API server as a client of the kubelet; the token-signing key
cd "$S/pki"
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null || openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
cert() { # NAME SUBJECT EXTENSIONS
  key "$1.key"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out "$1.crt" -extfile <(printf "$3") 2>/dev/null
}
key ca.key; openssl req -x509 -new -key ca.key -subj /CN=test-ca -days 365 -out ca.crt
cert apiserver /CN=kube-apiserver "subjectAltName=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:10.96.0.1,IP:172.30.0.1\nextendedKeyUsage=serverAuth\n"
cert kubelet-client /O=system:masters/CN=kube-apiserver "extendedKeyUsage=clientAuth\n"
key sa.key; openssl pkey -in sa.key -pubout -out sa.pub

# --- one bearer token and kubeconfig for each identity
: > "$S/etc/tokens.csv"
ident() { # FILE USER [GROUPS]
  local tok; tok=$(openssl rand -hex 16)
  echo "$tok,$2,$2${3:+,\"$3\"}" >> "$S/etc/tokens.csv"
  cat > "$S/etc/$1.kubeconfig" <<Y
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://172.30.0.1:6443", certificate-authority: $S/pki/ca.crt}}]
users: [{name: u, user: {token: $tok}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
Y
  echo "$tok" > "$S/etc/$1.token"
}
ident admin admin system:masters
ident controller-manager system:kube-controller-manager
ident scheduler system:kube-scheduler
for name in $NODES; do ident "kubelet-$name" "system:node:$name" system:nodes; done
ident proxy system:kube-proxy
ident dns coredns

# --- audit log of some namespaces, where it is asked for: who asked for what, when, without the contents
if [[ -n ${SPAWNER_CLUSTER_AUDIT:-} ]]; then
  cat > "$S/etc/audit.yaml" <<Y
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, namespaces: [${SPAWNER_CLUSTER_AUDIT// /, }]}
- {level: None}
Y
fi

# --- cluster DNS: CoreDNS as a process of the control plane, with an identity of its own
cat > "$S/etc/Corefile" <<Y
.:53 {
  bind 172.30.0.1
  errors
  ready 127.0.0.1:8181
  kubernetes cluster.local in-addr.arpa {
    kubeconfig $S/etc/dns.kubeconfig
    pods insecure
    ttl 1
  }
}
Y
cat > "$S/etc/coredns-clusterrole.json" <<Y
{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": {"name": "coredns"}, "rules": [
 {"apiGroups": [""], "resources": ["services", "pods", "namespaces"], "verbs": ["list", "watch"]},
 {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": ["list", "watch"]}]}
Y
cat > "$S/etc/coredns-clusterrolebinding.json" <<Y
{"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding", "metadata": {"name": "coredns"},
 "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "coredns"},
 "subjects": [{"kind": "User", "name": "coredns", "apiGroup": "rbac.authorization.k8s.io"}]}
Y
chmod 600 "$S"/etc/*
cp "$IMAGES"/*.tar "$S/images/"

# --- start. What outlives this command lets go of the lock (8) when its environment says already whose it is
export SPAWNER_CLUSTER_ID=$ID
detached() { exec setsid bash -c 'exec 8<&-; exec "$@"' - "$@" < /dev/null; }
detached unshare --net --mount --pid --ipc --uts --fork --kill-child=KILL --mount-proc \
  "$here/init.sh" "$S" > "$S/log/init.log" 2>&1 &
pid=$!
not_ready() {
  echo "scripts/cluster: $1; the logs are in $S/log, the last lines:" >&2
  tail -n 3 "$S"/log/*.log >&2
  end_processes
  exit 1
}
deadline=$((SECONDS + 90))
until [[ -e $S/ready ]]; do
  [[ -e /proc/$pid ]] || not_ready "the cluster ended"
  ((SECONDS < deadline)) || not_ready "not ready after 90 s"
  sleep 0.05
done
init=$(tr -d ' ' < "/proc/$pid/task/$pid/children") || not_ready "the cluster ended"
echo "$init" > "$S/initpid"
# --- a door for the host: 127.0.0.1:PORT there is the API server here; it closes by itself when the cluster ends
detached "$KUBE" forward 127.0.0.1:0 "$init" 172.30.0.1:6443 > "$S/endpoint" 2> "$S/log/forward.log" &
door=$!
until [[ -s $S/endpoint ]]; do
  [[ -e /proc/$door ]] || not_ready "no door to the API server"
  ((SECONDS < deadline)) || not_ready "no door to the API server after 90 s"
  sleep 0.02
done
sed "s/172.30.0.1:6443/$(cat "$S/endpoint")/" "$S/etc/admin.kubeconfig" > "$S/kubeconfig.new"
mv "$S/kubeconfig.new" "$S/kubeconfig"
