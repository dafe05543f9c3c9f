#!/usr/bin/env bash
# node.sh STATE-DIR NAME   Process 1 of a node's namespaces: its settings, network and cgroups, then containerd, kubelet and kube-proxy.
# File 9 is the network namespace of the control plane, which is the router between the nodes. Signals: USR1 starts the kubelet when it is
# stopped, USR2 ends it; the file nodes/NAME/kubelet has the answer.
set -u
exec 0</dev/null
here=$(dirname "$(realpath "$0")")
. "$1/settings"
. "$here/state.sh"
name=$2
number=${name#n}
folder=$S/nodes/$name
address=172.30.0.$((10 + number))
pods=10.244.$((16 * number)).0/20
rm -f "$folder/kubelet"
mkdir -p "$folder"/lib/{kubelet,containerd,volume-plugins} "$folder/cni" "$S/log/pods/$name"
step() { echo "$(date +%s.%N) $*"; }
run() { local what=$1; shift; "$@" >> "$S/log/$name-$what.log" 2>&1 & }
fail() { step "$*"; exit 1; }

# --- mounts: /run and the library folders are the node's own; the kubelet must not change the host's kernel settings: show it the values
# that it wants
mount --make-rshared /
for d in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs $d; done
mkdir -p /run/containerd /run/lock /var/log/containers /var/lib/{kubelet,cni}
mount --bind "$folder/lib/kubelet" /var/lib/kubelet
sysctl_as() { echo "$2" > "/run/sysctl-${1//\//-}"; mount --bind "/run/sysctl-${1//\//-}" "/proc/sys/$1"; }
sysctl_as vm/overcommit_memory 1; sysctl_as vm/panic_on_oom 0; sysctl_as kernel/panic 10
sysctl_as kernel/panic_on_oops 1; sysctl_as kernel/keys/root_maxkeys 1000000; sysctl_as kernel/keys/root_maxbytes 25000000

# --- network: one link to the router. A node that was killed leaves its end of the old one for a moment.
router() { nsenter --net=/proc/self/fd/9 "$@"; }
hostname "$name"
router ip link del "$name" 2>/dev/null
ip link add eth0 type veth peer name "$name" netns /proc/self/fd/9 || fail "no link to the router"
ip link set lo up
ip addr add "$address/32" dev eth0
ip link set eth0 up
ip route add 172.30.0.1/32 dev eth0
ip route add default via 172.30.0.1 src "$address"
ip route add 10.96.0.0/16 dev lo src "$address"
router ip link set "$name" up
router ip route add "$address/32" dev "$name" src 172.30.0.1
router ip route add "$pods" via "$address" dev "$name" src 172.30.0.1
# Services, for the control plane and what enters there: through the first node that lives
router ip route add 10.96.0.0/16 via "$address" dev "$name" src 172.30.0.1 metric $((100 + number))
exec 9<&-
echo 1 > /proc/sys/net/ipv4/ip_forward
if [[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]]; then echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables; fi

# --- cgroups: a root of our own in each hierarchy, without those of an earlier life
remove_cgroups "$ID/$name"
if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
  mkdir -p "/sys/fs/cgroup/$ID/$name"
  for c in cpuset cpu io memory pids hugetlb; do
    for g in "" "$ID/" "$ID/$name/"; do echo +$c > "/sys/fs/cgroup/${g}cgroup.subtree_control"; done
  done 2>/dev/null
else
  for h in /sys/fs/cgroup/*/; do [[ -e $h/cgroup.procs ]] && mkdir -p "$h/$ID/$name"; done
fi

# --- settings
cat > "$folder/containerd.toml" <<Y
version = 2
root = "$folder/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.snapshotter.v1.btrfs", "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs", "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp", "io.containerd.internal.v1.tracing"]
[grpc]
  address = "$folder/containerd.sock"
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
    conf_dir = "$folder/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "$SNAPSHOTTER"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
Y
# ptp rather than bridge: that one needs br_netfilter for the answers of Services
cat > "$folder/cni/10-pods.conflist" <<Y
{"cniVersion": "0.4.0", "name": "pods", "plugins": [
 {"type": "ptp", "ipMasq": false,
  "ipam": {"type": "host-local", "dataDir": "/run/cni-ipam", "ranges": [[{"subnet": "$pods"}]], "routes": [{"dst": "0.0.0.0/0"}]}}
]}
Y
: > "$folder/resolv.conf"
# the lease is renewed each 2 s (a quarter of its duration): a lost node is to be seen within NODE_GRACE
cat > "$folder/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
containerRuntimeEndpoint: unix://$folder/containerd.sock
address: 0.0.0.0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $S/pki/ca.crt}}
authorization: {mode: Webhook}
clusterDNS: [172.30.0.1]
clusterDomain: cluster.local
resolvConf: $folder/resolv.conf
cgroupDriver: cgroupfs
cgroupRoot: /$ID/$name
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
podLogsDir: $S/log/pods/$name
volumePluginDir: $folder/lib/volume-plugins
kubeAPIQPS: 200
kubeAPIBurst: 400
eventRecordQPS: 0
nodeStatusUpdateFrequency: 5s
nodeLeaseDurationSeconds: 8
syncFrequency: 30s
shutdownGracePeriod: 0s
Y
cat > "$folder/proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: nftables
clientConnection: {kubeconfig: $S/etc/proxy.kubeconfig, qps: 100, burst: 200}
clusterCIDR: 10.244.0.0/16
hostnameOverride: $name
oomScoreAdj: 0
healthzBindAddress: 127.0.0.1:10256
metricsBindAddress: 127.0.0.1:10249
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
nftables: {minSyncPeriod: 10ms, syncPeriod: 30s}
Y

# --- processes
answer() { echo "$1" > "$folder/kubelet.new"; mv "$folder/kubelet.new" "$folder/kubelet"; }
kubelet=
start_kubelet() {
  if [[ $kubelet && -e /proc/$kubelet ]]; then answer runs; return; fi
  run kubelet "$KUBE" kubelet --config="$folder/kubelet.yaml" --kubeconfig="$S/etc/kubelet-$name.kubeconfig" --hostname-override="$name" --node-ip="$address" \
    --root-dir=/var/lib/kubelet --cert-dir="$folder/lib/kubelet-pki"
  kubelet=$!
  answer started
}
stop_kubelet() {
  if [[ $kubelet ]]; then kill -KILL "$kubelet" 2>/dev/null; wait "$kubelet"; fi
  kubelet=
  answer stopped
}
client() { ctr -a "$folder/containerd.sock" "$@"; }
step start
run containerd containerd --config "$folder/containerd.toml"
containerd=$!
until client version >/dev/null 2>&1; do sleep 0.05; [[ -e /proc/$containerd ]] || fail "containerd ended; see $name-containerd.log"; done
step containerd up
for image in "$S"/images/*.tar; do client -n k8s.io images import --snapshotter "$SNAPSHOTTER" "$image" || fail "cannot load $image"; done
step images loaded
until [[ -e $S/serves ]]; do sleep 0.05; done
step API server ready
start_kubelet
trap start_kubelet USR1
trap stop_kubelet USR2
run proxy "$KUBE" proxy --config="$folder/proxy.yaml"
until wait; do :; done
