"""Who may do what: the complete rights of each role's service account, and calls that must be denied.

A line is `verb,verb… resource[.group][/subresource][:name]`. ALLOWED is complete: rbac_test fails for a right that is granted and does not
stand here, and for one that stands here and is not granted. Each line says what in src/ needs it.
"""

ALLOWED = {
    "controller": {
        "spawner": [
            "get,list,watch,delete sessionlivedbackends.spawner.dev",  # informer; ReadSlab; DeleteSlab after the end
            "patch sessionlivedbackends.spawner.dev/status",  # PatchStatus
            "get,list,watch,create,patch,delete pods",  # informer; CreatePod; ReadPod; PatchPod (a changed grace period); DeletePod
            "get,list,watch,create,delete services",  # informer; CreateService; whose a taken name is; DeleteService
            "create events",
        ],
        "spawner-system": [
            "create secrets",  # makes the admin key, once (RBAC cannot limit a create to a name)
            "get secrets:spawner-admin-key",
            "create leases.coordination.k8s.io",  # the election's Lease, once
            "get,update leases.coordination.k8s.io:spawner-controller",
        ],
    },
    "api": {
        # informer; a session that another replica made; POST /spawn; DELETE /backend/NAME
        "spawner": ["get,list,watch,create,delete sessionlivedbackends.spawner.dev"],
    },
    "sweeper": {
        "spawner": [
            "list,watch pods",  # informer of its node's
            "list,watch services",  # where Ready must find a session's Service
            "get sessionlivedbackends.spawner.dev",  # what is written already, after a restart or a refusal
            "patch sessionlivedbackends.spawner.dev/status",  # Running, Ready, Swept, contact
            "create events",
        ],
        "spawner-system": ["get secrets:spawner-admin-key"],
    },
    "gateway": {
        "spawner": ["get,list,watch sessionlivedbackends.spawner.dev"],  # informer; a session that it has not heard of yet
    },
    "session": {},
}

READ = "get,list,watch"
WRITE = "create,update,patch,delete,deletecollection"
ALL = f"{READ},{WRITE}"
NAMESPACES = ["spawner", "spawner-system", "default", "kube-system"]
CLUSTER = ""  # in every namespace, or a resource of the whole cluster
ROLES = ["controller", "api", "sweeper", "gateway"]
EVERYONE = [*ROLES, "session"]

# (accounts, line, namespaces)
DENIED = [
    # Secrets: one, by name, by two roles; written by one.
    (EVERYONE, f"{ALL} secrets", ["spawner", "default", "kube-system", CLUSTER]),
    (EVERYONE, "list,watch,update,patch,delete,deletecollection secrets", ["spawner-system"]),
    (EVERYONE, "get secrets:another", ["spawner-system"]),
    (EVERYONE, "update,patch,delete secrets:spawner-admin-key", ["spawner-system"]),
    (["api", "gateway", "session"], "get secrets:spawner-admin-key", ["spawner-system"]),
    (["api", "sweeper", "gateway", "session"], "create secrets", ["spawner-system"]),
    # Pods: made and ended by the controller only; entered by nobody.
    (["api", "gateway", "session"], f"{ALL} pods", NAMESPACES),
    (["sweeper"], f"get,{WRITE} pods", NAMESPACES),
    (["controller"], "update,deletecollection pods", NAMESPACES),
    (["controller"], f"{ALL} pods", ["spawner-system", "default", "kube-system", CLUSTER]),
    (EVERYONE, "get,create pods/exec", NAMESPACES),
    (EVERYONE, "get,create pods/attach", NAMESPACES),
    (EVERYONE, "get,create pods/portforward", NAMESPACES),
    (EVERYONE, "get,create pods/proxy", NAMESPACES),
    (EVERYONE, "get pods/log", NAMESPACES),
    (EVERYONE, "create pods/eviction", NAMESPACES),
    (EVERYONE, "create pods/binding", NAMESPACES),
    (EVERYONE, "update,patch pods/status", NAMESPACES),
    (EVERYONE, "update,patch pods/ephemeralcontainers", NAMESPACES),
    (EVERYONE, "update,patch pods/resize", NAMESPACES),
    # Sessions: what was asked for is changed by no role; only their sides write the status.
    (EVERYONE, "update,patch,deletecollection sessionlivedbackends.spawner.dev", ["spawner"]),
    (["controller", "sweeper", "gateway", "session"], "create sessionlivedbackends.spawner.dev", ["spawner"]),
    (["sweeper", "gateway", "session"], "delete sessionlivedbackends.spawner.dev", ["spawner"]),
    (["sweeper", "session"], "list,watch sessionlivedbackends.spawner.dev", ["spawner"]),
    (["session"], "get sessionlivedbackends.spawner.dev", ["spawner"]),
    (EVERYONE, "update sessionlivedbackends.spawner.dev/status", ["spawner"]),
    (["api", "gateway", "session"], "patch sessionlivedbackends.spawner.dev/status", ["spawner"]),
    (EVERYONE, f"{ALL} sessionlivedbackends.spawner.dev", ["spawner-system", "default", "kube-system", CLUSTER]),
    # Services, Events.
    (["api", "gateway", "session"], f"{ALL} services", NAMESPACES),
    (["sweeper"], f"get,{WRITE} services", ["spawner"]),
    (["sweeper"], f"{ALL} services", ["spawner-system", "default", "kube-system", CLUSTER]),
    (["controller"], "update,patch,deletecollection services", ["spawner"]),
    (["controller"], f"{ALL} services", ["spawner-system", "default", "kube-system", CLUSTER]),
    (EVERYONE, "get,create services/proxy", NAMESPACES),
    (EVERYONE, f"{READ},update,patch,delete events", NAMESPACES),
    (["api", "gateway", "session"], "create events", NAMESPACES),
    (["controller", "sweeper"], "create events", ["spawner-system", "default", "kube-system"]),
    # Everything else of the two namespaces.
    (EVERYONE, f"{ALL} configmaps", NAMESPACES),
    (EVERYONE, f"{ALL} serviceaccounts", NAMESPACES),
    (EVERYONE, "create serviceaccounts/token", NAMESPACES),
    (EVERYONE, f"{ALL} persistentvolumeclaims", NAMESPACES),
    (EVERYONE, f"{ALL} endpointslices.discovery.k8s.io", NAMESPACES),
    (EVERYONE, f"{ALL} deployments.apps", NAMESPACES),
    (EVERYONE, "get,update,patch deployments.apps/scale", NAMESPACES),
    (EVERYONE, f"{ALL} daemonsets.apps", NAMESPACES),
    (EVERYONE, f"{ALL} replicasets.apps", NAMESPACES),
    (EVERYONE, f"{ALL} jobs.batch", NAMESPACES),
    (EVERYONE, f"{ALL} networkpolicies.networking.k8s.io", NAMESPACES),
    (EVERYONE, f"{ALL} ingresses.networking.k8s.io", NAMESPACES),
    (EVERYONE, f"{ALL} poddisruptionbudgets.policy", NAMESPACES),
    # Rights.
    (EVERYONE, f"{ALL},bind,escalate roles.rbac.authorization.k8s.io", NAMESPACES),
    (EVERYONE, f"{ALL} rolebindings.rbac.authorization.k8s.io", NAMESPACES),
    (EVERYONE, f"{ALL},bind,escalate clusterroles.rbac.authorization.k8s.io", [CLUSTER]),
    (EVERYONE, f"{ALL} clusterrolebindings.rbac.authorization.k8s.io", [CLUSTER]),
    (EVERYONE, "impersonate serviceaccounts", NAMESPACES),
    # The cluster.
    (EVERYONE, f"{ALL} nodes", [CLUSTER]),
    (EVERYONE, "get,create nodes/proxy", [CLUSTER]),
    (EVERYONE, "update,patch nodes/status", [CLUSTER]),
    (EVERYONE, f"{ALL} namespaces", [CLUSTER]),
    (EVERYONE, f"{ALL} persistentvolumes", [CLUSTER]),
    (EVERYONE, f"{ALL} customresourcedefinitions.apiextensions.k8s.io", [CLUSTER]),
    (EVERYONE, f"{ALL} validatingwebhookconfigurations.admissionregistration.k8s.io", [CLUSTER]),
    (EVERYONE, f"{ALL} mutatingwebhookconfigurations.admissionregistration.k8s.io", [CLUSTER]),
    (EVERYONE, f"{ALL} apiservices.apiregistration.k8s.io", [CLUSTER]),
    (EVERYONE, f"{ALL} certificatesigningrequests.certificates.k8s.io", [CLUSTER]),
    (EVERYONE, f"{ALL} priorityclasses.scheduling.k8s.io", [CLUSTER]),
    (EVERYONE, f"{ALL} leases.coordination.k8s.io", ["spawner", "default", "kube-system"]),
    (["api", "sweeper", "gateway", "session"], f"{ALL} leases.coordination.k8s.io", ["spawner-system"]),
    (["controller"], "list,watch,patch,delete,deletecollection leases.coordination.k8s.io", ["spawner-system"]),
    (["controller"], "get,update leases.coordination.k8s.io:another", ["spawner-system"]),
]
