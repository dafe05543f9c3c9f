#!/usr/bin/env bash
# init.sh STATE-DIR   Process 1 of the cluster's namespaces: the router between the nodes, the control plane, and the nodes, each in
# namespaces inside these (node.sh).
set -u
exec 0</dev/null
here=$(dirname "$(realpath "$0")")
. "$1/settings"
step() { echo "$(date +%s.%N) $*"; }
run() { local what=$1; shift; "$@" > "$S/log/$what.log" 2>&1 & }
ask() { curl -sf --cacert "$S/pki/ca.crt" -H "Authorization: Bearer $(cat "$S/etc/admin.token")" "https://172.30.0.1:6443$1" "${@:2}"; }
step start
# lo has the control plane's address (not every kernel has dummy links); what goes to a node that is not there is lost, as on a real network
hostname control-plane
ip link set lo up
ip addr add 172.30.0.1/32 dev lo
ip route add blackhole 172.30.0.0/24
ip route add blackhole 10.244.0.0/16
echo 1 > /proc/sys/net/ipv4/ip_forward

audit=()
[[ -e $S/etc/audit.yaml ]] && audit=(--audit-policy-file="$S/etc/audit.yaml" --audit-log-path="$S/log/audit.log")
run apiserver "$KUBE" apiserver-embed "$S/lib/etcd" --bind-address=0.0.0.0 --secure-port=6443 --advertise-address=172.30.0.1 --service-cluster-ip-range=10.96.0.0/16 \
 --tls-cert-file="$S/pki/apiserver.crt" --tls-private-key-file="$S/pki/apiserver.key" --client-ca-file="$S/pki/ca.crt" \
 --token-auth-file="$S/etc/tokens.csv" --authorization-mode=Node,RBAC --enable-admission-plugins=NodeRestriction \
 --service-account-issuer=https://kubernetes.default.svc.cluster.local --service-account-key-file="$S/pki/sa.pub" --service-account-signing-key-file="$S/pki/sa.key" \
 --kubelet-client-certificate="$S/pki/kubelet-client.crt" --kubelet-client-key="$S/pki/kubelet-client.key" --kubelet-preferred-address-types=InternalIP \
 --default-not-ready-toleration-seconds="$EVICT_AFTER" --default-unreachable-toleration-seconds="$EVICT_AFTER" \
 --allow-privileged=true --profiling=false "${audit[@]}"
apiserver=$!
for name in $NODES; do "$here/node-control.sh" "$S" start "$name"; done
until ask /readyz >/dev/null; do sleep 0.05; [[ -e /proc/$apiserver ]] || exit 1; done
touch "$S/serves"
step API server ready
run controller-manager "$KUBE" controller-manager --kubeconfig="$S/etc/controller-manager.kubeconfig" --leader-elect=false --use-service-account-credentials=true \
  --service-account-private-key-file="$S/pki/sa.key" --root-ca-file="$S/pki/ca.crt" --cluster-signing-cert-file="$S/pki/ca.crt" --cluster-signing-key-file="$S/pki/ca.key" \
  --node-monitor-grace-period="${NODE_GRACE}s" --node-monitor-period=1s --kube-api-qps=300 --kube-api-burst=600 --bind-address=127.0.0.1 --profiling=false
run scheduler "$KUBE" scheduler --kubeconfig="$S/etc/scheduler.kubeconfig" --leader-elect=false --kube-api-qps=300 --kube-api-burst=600 --bind-address=127.0.0.1 --profiling=false
for o in clusterrole clusterrolebinding; do
  ask "/apis/rbac.authorization.k8s.io/v1/${o}s" -H 'Content-Type: application/json' --data "@$S/etc/coredns-$o.json" >/dev/null || step "coredns-$o failed"
done
run dns "$KUBE" dns -conf "$S/etc/Corefile"
until ask /api/v1/namespaces/default/serviceaccounts/default >/dev/null; do sleep 0.05; done
step default ServiceAccount
for name in $NODES; do
  until ask "/api/v1/nodes/$name" | grep -A1 -B6 '"type": "Ready"' | grep -q '"status": "True"'; do sleep 0.1; done
  step "node $name Ready"
done
touch "$S/ready"
wait
