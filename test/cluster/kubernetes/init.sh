#!/usr/bin/env bash
# init.sh: process 1 of the cluster's namespaces. Environment: S ID NODE_IP KUBE EMBED.
set -u
exec 0</dev/null
mount --make-rshared /
# private /run and library folders: nothing is left on the host
for d in /run /var/lib /var/log; do mount -t tmpfs -o mode=755 tmpfs $d; done
mkdir -p /run/containerd /run/lock /var/log/containers /var/lib/{kubelet,cni} "$S"/lib/{kubelet,containerd,volume-plugins} "$S/log/pods"
mount --bind "$S/lib/kubelet" /var/lib/kubelet
# the kubelet must not change the host's kernel settings: show it the values that it wants
sysctl_as() { echo "$2" > "/run/sysctl-${1//\//-}"; mount --bind "/run/sysctl-${1//\//-}" "/proc/sys/$1"; }
sysctl_as vm/overcommit_memory 1; sysctl_as vm/panic_on_oom 0; sysctl_as kernel/panic 10
sysctl_as kernel/panic_on_oops 1; sysctl_as kernel/keys/root_maxkeys 1000000; sysctl_as kernel/keys/root_maxbytes 25000000
# network of the node: lo has the node's address (no dummy driver needed)
hostname n1
ip link set lo up
ip addr add $NODE_IP/32 dev lo
ip route add 10.96.0.0/16 dev lo src $NODE_IP
echo 1 > /proc/sys/net/ipv4/ip_forward
[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] && echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
# cgroups: a root of our own in each hierarchy
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p /sys/fs/cgroup/$ID
  for c in cpuset cpu io memory pids hugetlb; do echo +$c > /sys/fs/cgroup/cgroup.subtree_control; echo +$c > /sys/fs/cgroup/$ID/cgroup.subtree_control; done 2>/dev/null
else
  for h in /sys/fs/cgroup/*/; do [ -e "$h/cgroup.procs" ] && mkdir -p "$h/$ID"; done
fi
P="--profiling=false"
run() { local n=$1; shift; "$@" > "$S/log/$n.log" 2>&1 & echo $! > "/run/$n.pid"; eval "PID_${n//-/_}=$!"; }
q() { curl -sf --cacert "$S/pki/ca.crt" -H "Authorization: Bearer $(cat "$S/etc/admin.token")" "https://127.0.0.1:6443$1" "${@:2}"; }
t() { echo "$(date +%s.%N) $*"; }
t start
run containerd containerd --config "$S/etc/containerd.toml"
API=(--bind-address=0.0.0.0 --secure-port=6443 --advertise-address=$NODE_IP --service-cluster-ip-range=10.96.0.0/16
 --tls-cert-file="$S/pki/apiserver.crt" --tls-private-key-file="$S/pki/apiserver.key" --client-ca-file="$S/pki/ca.crt"
 --token-auth-file="$S/etc/tokens.csv" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction
 --service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file="$S/pki/sa.pub" --service-account-signing-key-file="$S/pki/sa.key"
 --kubelet-client-certificate="$S/pki/kubelet-client.crt" --kubelet-client-key="$S/pki/kubelet-client.key" --kubelet-preferred-address-types=InternalIP
 --allow-privileged=true $P)
if [ "$EMBED" = 1 ]; then
  run apiserver "$KUBE" apiserver-embed "$S/lib/etcd" "${API[@]}"
else
  run etcd "$KUBE" etcd --name=default --data-dir="$S/lib/etcd" --unsafe-no-fsync --log-level=warn \
   --listen-client-urls=http://127.0.0.1:2379 --advertise-client-urls=http://127.0.0.1:2379 --listen-peer-urls=http://127.0.0.1:2380 --initial-advertise-peer-urls=http://127.0.0.1:2380 --initial-cluster=default=http://127.0.0.1:2380
  run apiserver "$KUBE" apiserver --etcd-servers=http://127.0.0.1:2379 "${API[@]}"
fi
until ctr -a /run/containerd/containerd.sock version >/dev/null 2>&1; do sleep 0.05; done
t containerd up
for i in "$S"/images/*.tar; do ctr -a /run/containerd/containerd.sock -n k8s.io images import --snapshotter "${SNAPSHOTTER:-overlayfs}" "$i"; done
t images imported
until q /readyz >/dev/null; do sleep 0.05; [ -e /proc/$PID_apiserver ] || exit 1; done
t apiserver ready
run controller-manager "$KUBE" controller-manager --kubeconfig="$S/etc/controller-manager.kubeconfig" --leader-elect=false --use-service-account-credentials=true \
  --service-account-private-key-file="$S/pki/sa.key" --root-ca-file="$S/pki/ca.crt" --cluster-signing-cert-file="$S/pki/ca.crt" --cluster-signing-key-file="$S/pki/ca.key" \
  --kube-api-qps=300 --kube-api-burst=600 --bind-address=127.0.0.1 $P
run kubelet "$KUBE" kubelet --config="$S/etc/kubelet.yaml" --kubeconfig="$S/etc/kubelet.kubeconfig" --hostname-override=n1 --node-ip=$NODE_IP --root-dir=/var/lib/kubelet --cert-dir="$S/lib/kubelet-pki"
run scheduler "$KUBE" scheduler --kubeconfig="$S/etc/scheduler.kubeconfig" --leader-elect=false --kube-api-qps=300 --kube-api-burst=600 --bind-address=127.0.0.1 $P
run proxy "$KUBE" proxy --config="$S/etc/proxy.yaml"
for o in clusterrole clusterrolebinding; do q /apis/rbac.authorization.k8s.io/v1/${o}s -H 'Content-Type: application/json' --data "@$S/etc/coredns-$o.json" >/dev/null || echo "coredns-$o failed"; done
run dns "$KUBE" dns -conf "$S/etc/Corefile"
until q /api/v1/namespaces/default/serviceaccounts/default >/dev/null; do sleep 0.05; done
t default serviceaccount
until q /api/v1/nodes/n1 | grep -A1 -B6 '"type": "Ready"' | grep -q '"status": "True"'; do sleep 0.1; done
t node ready
touch "$S/ready"
wait
