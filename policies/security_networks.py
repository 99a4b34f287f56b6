"""Rules of the pack `security` about who reaches what, and by TLS."""

from policies.checks import (
    exposure,
    network,
    network_sides,
    postgresql_tls,
)
from policies.checks.tokens import (
    NETWORK_POLICY,
    POOLER,
    POSTGRESQL,
    SERVICE,
)
from policies.rules import GONE, Case, Example, PlainRule, Rule, Severity, WholeRule

RULES: tuple[Rule, ...] = (
    WholeRule(
        name="network-default-deny",
        description="Each namespace with pods of the stack denies all traffic that no other NetworkPolicy allows.",
        remedy="A NetworkPolicy with an empty podSelector, policyTypes Ingress and Egress, and no rule.",
        severity=Severity.HIGH,
        check=network.denied,
        example=Example("NetworkPolicy", "spec.policyTypes", fails=["Ingress"], passes=["Ingress", "Egress"]),
    ),
    WholeRule(
        name="network-selectors",
        description="Every NetworkPolicy selects pods of the stack, and each pod is selected by one of its own.",
        remedy="Correct spec.podSelector, or add a NetworkPolicy for the pods.",
        severity=Severity.HIGH,
        check=network.selecting,
        example=Example(
            "NetworkPolicy",
            "spec.podSelector.matchLabels",
            fails={"app.kubernetes.io/name": "other"},
            passes={"app.kubernetes.io/name": "redis"},
        ),
    ),
    WholeRule(
        name="network-ingress",
        description="No NetworkPolicy lets everybody in, all of its namespace, or pods of any namespace, or in by "
        "every port; PostgreSQL's own port alone may be open, where it refuses whatever comes without TLS.",
        remedy="State from and ports of each rule, with labels of the pods or of the namespace.",
        severity=Severity.HIGH,
        check=network.ingress,
        example=Example(
            "NetworkPolicy",
            "spec.ingress.0.from",
            fails=GONE,
            passes=[{"podSelector": {"matchLabels": {"app": "memory"}}}],
        ),
    ),
    PlainRule(
        name="peer-ports",
        description="The ports by which members of a store speak to each other, which ask for no key of one's own, are "
        "open to its members alone.",
        remedy="A rule of its own for the port, whose from is the policy's own podSelector.",
        severity=Severity.CRITICAL,
        types=(NETWORK_POLICY,),
        check=network.of_peers,
        example=Example(
            "NetworkPolicy",
            "spec.ingress",
            fails=[{"from": [{"podSelector": {"matchLabels": {"app": "memory"}}}], "ports": [{"port": 6335}]}],
            passes=[{"from": [{"podSelector": {"matchLabels": {"app": "memory"}}}], "ports": [{"port": 6333}]}],
        ),
    ),
    PlainRule(
        name="network-egress",
        description="No NetworkPolicy lets anything out but by ports that it names, nor to all pods of a namespace or "
        "of all; to anybody, it does so for pods that it selects by labels.",
        remedy="State ports of each rule, labels of the pods in to, and a podSelector.",
        severity=Severity.MEDIUM,
        types=(NETWORK_POLICY,),
        check=network.egress,
        example=Example("NetworkPolicy", "spec.egress", fails=[{}], passes=[{"ports": [{"port": 443}]}]),
    ),
    PlainRule(
        name="network-directions",
        description="Every NetworkPolicy is about the directions that it has rules for.",
        remedy="State Ingress and Egress in spec.policyTypes.",
        severity=Severity.HIGH,
        types=(NETWORK_POLICY,),
        check=network_sides.typed,
        example=Example(
            "NetworkPolicy",
            "spec",
            fails={"podSelector": {}, "policyTypes": ["Ingress"], "egress": [{"ports": [{"port": 443}]}]},
            passes={"podSelector": {}, "policyTypes": ["Egress"], "egress": [{"ports": [{"port": 443}]}]},
        ),
    ),
    WholeRule(
        name="network-policies-enforced",
        description="On EKS the network plugin holds NetworkPolicies.",
        remedy='configurationValues of the add-on vpc-cni: {"enableNetworkPolicy": "true"}.',
        severity=Severity.CRITICAL,
        check=network.enforced,
        example=Example(
            "aws.eks.Addon",
            "configurationValues",
            fails='{"enableNetworkPolicy": "false"}',
            passes='{"enableNetworkPolicy": "true"}',
        ),
    ),
    PlainRule(
        name="inner-services",
        description="No Service is open to the world; users come through the ingress.",
        remedy="type ClusterIP; for other regions a LoadBalancer with an annotation that keeps it internal.",
        severity=Severity.CRITICAL,
        types=(SERVICE,),
        check=exposure.services,
        example=Example("Service", "spec.type", fails="LoadBalancer", passes="ClusterIP"),
    ),
    PlainRule(
        name="inner-postgresql",
        description="No Service that CloudNativePG makes is open to the world.",
        remedy="type ClusterIP, or the annotation that keeps a LoadBalancer internal, in serviceTemplate.",
        severity=Severity.CRITICAL,
        types=(POSTGRESQL,),
        check=exposure.managed_services,
        example=Example(
            "Cluster",
            "spec.managed.services.additional.0.serviceTemplate.spec.type",
            fails="LoadBalancer",
            passes="ClusterIP",
        ),
    ),
    WholeRule(
        name="ingress-tls",
        description="Users and other regions come by TLS; who comes without is redirected, or asked for a certificate.",
        remedy="spec.tls.secret and spec.tls.redirect.enable of a VirtualServer; every host of an Ingress in spec.tls.",
        severity=Severity.CRITICAL,
        check=exposure.tls,
        example=Example("VirtualServer", "spec.tls.secret", fails=GONE, passes="memory-tls"),
    ),
    PlainRule(
        name="postgresql-tls",
        description="PostgreSQL, its pooler and its replicas speak TLS alone, and prove who they are to each other.",
        remedy='pg_hba "hostnossl all all all reject" first; client_tls_sslmode require, server_tls_sslmode '
        "verify-full; sslmode verify-full of externalClusters.",
        severity=Severity.CRITICAL,
        types=(POSTGRESQL, POOLER),
        check=postgresql_tls.encrypted,
        example=Example("Cluster", "spec.postgresql.pg_hba", fails=GONE, passes=["hostnossl all all all reject"]),
    ),
    PlainRule(
        name="postgresql-superuser",
        description="Nobody signs in to PostgreSQL as a superuser over the network.",
        remedy="Leave enableSuperuserAccess false.",
        severity=Severity.HIGH,
        types=(POSTGRESQL,),
        check=postgresql_tls.superuser,
        example=Example("Cluster", "spec.enableSuperuserAccess", fails=True, passes=False),
    ),
    WholeRule(
        name="network-both-sides",
        description="What one NetworkPolicy lets out to pods of the stack, another lets in there, and the other way "
        "round; whoever is let out goes to pods that are there.",
        remedy="Add the way to the NetworkPolicy of the pods at its other end, or take it out of this one.",
        severity=Severity.HIGH,
        check=network_sides.agreed,
        example=Example(
            "NetworkPolicy",
            "spec.egress.0.to.0.podSelector.matchLabels",
            fails={"app.kubernetes.io/name": "other"},
            passes={"app.kubernetes.io/name": "redis"},
        ),
    ),
    WholeRule(
        name="network-dns",
        description="Pods whose ways out are closed may ask DNS.",
        remedy="A NetworkPolicy with an empty podSelector whose egress names kube-system and port 53, by UDP and TCP.",
        severity=Severity.HIGH,
        check=network_sides.names_found,
        case=Case(
            fails="a namespace that denies everything, without a NetworkPolicy that lets its pods out by port 53",
            passes="one that lets all of its pods out to kube-system by port 53",
            test="tests/unit/test_policy_network_sides.py",
        ),
    ),
)
