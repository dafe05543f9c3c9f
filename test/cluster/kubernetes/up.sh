#!/usr/bin/env bash
# up.sh STATE-DIR   Starts a one-node Kubernetes in namespaces of its own; returns when its node is Ready.
# Everything lives in STATE-DIR. down.sh STATE-DIR ends it, also after a crash.
set -euo pipefail
here=$(dirname "$(realpath "$0")")
S=$(realpath -m "$1")
KUBE=${KUBE:?path of the built binary}
IMAGES=${IMAGES:?folder with pause.tar and others}
case $S/ in /run/*|/var/run/*|/var/lib/*|/var/log/*) echo "STATE-DIR must not be under /run, /var/lib or /var/log" >&2; exit 2;; esac
"$here/down.sh" "$S"
mkdir -p "$S"/{pki,log,etc,lib,images}
chmod 700 "$S"  # tokens and keys are in it
ID=k8st-$(echo -n "$S" | sha256sum | cut -c1-8)
echo "$ID" > "$S/id"
NODE_IP=172.30.0.1

# --- certificates: one CA; the API server's; the API server as a client of the kubelet; the token-signing key
cd "$S/pki"
key() { openssl genpkey -quiet -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1" 2>/dev/null || openssl ecparam -name prime256v1 -genkey -noout -out "$1"; }
cert() { # NAME SUBJECT EXTENSIONS
  key "$1.key"
  openssl req -new -key "$1.key" -subj "$2" -out "$1.csr"
  openssl x509 -req -in "$1.csr" -CA ca.crt -CAkey ca.key -CAcreateserial -days 365 -out "$1.crt" -extfile <(printf "$3") 2>/dev/null
}
key ca.key; openssl req -x509 -new -key ca.key -subj /CN=test-ca -days 365 -out ca.crt
cert apiserver /CN=kube-apiserver "subjectAltName=DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:10.96.0.1,IP:$NODE_IP\nextendedKeyUsage=serverAuth\n"
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
clusters: [{name: c, cluster: {server: "https://127.0.0.1:6443", certificate-authority: $S/pki/ca.crt}}]
users: [{name: u, user: {token: $tok}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
current-context: x
Y
  echo "$tok" > "$S/etc/$1.token"
}
ident admin admin system:masters
ident controller-manager system:kube-controller-manager
ident scheduler system:kube-scheduler
ident kubelet system:node:n1 system:nodes
ident proxy system:kube-proxy
chmod 600 "$S"/etc/*

# --- configuration
cat > "$S/etc/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix:///run/containerd/containerd.sock
address: 0.0.0.0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $S/pki/ca.crt}}
authorization: {mode: Webhook}
clusterDNS: [$NODE_IP]
clusterDomain: cluster.local
resolvConf: $S/etc/resolv.conf
cgroupDriver: cgroupfs
cgroupRoot: /$ID
failCgroupV1: false
failSwapOn: false
oomScoreAdj: 0
maxOpenFiles: 20000
makeIPTablesUtilChains: false
localStorageCapacityIsolation: false
evictionHard: {memory.available: "0%", nodefs.available: "0%", nodefs.inodesFree: "0%", imagefs.available: "0%", imagefs.inodesFree: "0%"}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
enforceNodeAllocatable: [pods]
maxPods: 250
podLogsDir: $S/log/pods
volumePluginDir: $S/lib/volume-plugins
kubeAPIQPS: 200
kubeAPIBurst: 400
eventRecordQPS: 0
nodeStatusUpdateFrequency: 5s
syncFrequency: 30s
shutdownGracePeriod: 0s
Y
: > "$S/etc/resolv.conf"
# cluster DNS: CoreDNS as a process of the node, with an identity of its own
ident dns coredns
cat > "$S/etc/Corefile" <<Y
.:53 {
  bind $NODE_IP
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
cat > "$S/etc/proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ${PROXY_MODE:-nftables}
clientConnection: {kubeconfig: $S/etc/proxy.kubeconfig, qps: 100, burst: 200}
clusterCIDR: 10.244.0.0/16
hostnameOverride: n1
oomScoreAdj: 0
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
nftables: {minSyncPeriod: 10ms, syncPeriod: 30s}
iptables: {minSyncPeriod: 10ms, syncPeriod: 30s}
Y
if [ "${CNI:-ptp}" = ptp ]; then net='"type": "ptp", "ipMasq": false'; else net='"type": "bridge", "bridge": "cni0", "isGateway": true, "hairpinMode": true, "ipMasq": false'; fi
mkdir -p "$S/etc/cni"
cat > "$S/etc/cni/10-pods.conflist" <<Y
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
 {$net,
  "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam", "ranges": [[{"subnet": "10.244.0.0/20"}]], "routes": [{"dst": "0.0.0.0/0"}]}}
]}
Y
cat > "$S/etc/containerd.toml" <<Y
version = 2
root = "$S/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "/run/containerd/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "k8s.test/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  tolerate_missing_hugetlb_controller = true
  disable_hugetlb_controller = true
  netns_mounts_under_state_dir = true
  max_concurrent_downloads = 1
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$S/etc/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "${SNAPSHOTTER:-overlayfs}"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
Y
cp "$IMAGES"/*.tar "$S/images/"
export S ID NODE_IP KUBE EMBED=${EMBED:-1}
setsid ${FOREGROUND:+setpriv --pdeathsig KILL} unshare --net --mount --pid --ipc --uts --fork --kill-child=KILL --mount-proc \
  "$here/init.sh" > "$S/log/init.log" 2>&1 < /dev/null &
pid=$!
echo "$pid $(awk '{print $22}' /proc/$pid/stat)" > "$S/pid"

# --- wait
for i in $(seq ${UP_TRIES:-1500}); do
  init=$(cat /proc/$pid/task/$pid/children 2>/dev/null | tr -d ' ') || true
  [ -n "$init" ] && [ -e "$S/ready" ] && break
  [ -e "/proc/$pid" ] || { echo "cluster died; see $S/log" >&2; tail -5 "$S"/log/*.log >&2; exit 1; }
  sleep 0.05
done
[ -e "$S/ready" ] || { echo "cluster not ready" >&2; exit 1; }
echo "$init" > "$S/initpid"
# --- a door for the host: 127.0.0.1:PORT there is the API server here; it closes by itself when the cluster ends
setsid "$KUBE" forward 127.0.0.1:0 "$init" 127.0.0.1:6443 > "$S/endpoint" 2> "$S/log/forward.log" < /dev/null &
for i in $(seq 500); do [ -s "$S/endpoint" ] && break; sleep 0.02; done
[ -s "$S/endpoint" ] || { echo "no door to the cluster; see $S/log/forward.log" >&2; exit 1; }
sed "s/127.0.0.1:6443/$(cat "$S/endpoint")/" "$S/etc/admin.kubeconfig" > "$S/kubeconfig"
# FOREGROUND=1: stay, and take the cluster along when this process dies (chain of PDEATHSIG)
[ -z "${FOREGROUND:-}" ] || { echo ready; wait $pid; }
