"""Why no policy says anything of a region that was weakened: because it is harmless, or because nothing guards it."""

NEEDED = "others are made of it: the program does not run without it, and what leads to it is weakened by itself"
DEFAULT = "is the default"
REFUSED = "the API does not take it"
OUTAGE = "something does not work, which tests of the program notice and no policy"
OPERATED = "is of a chart, which is not judged and named so"

HARMLESS: tuple[tuple[str, str], ...] = (
    # Dropped, and nothing of the stack is made of it.
    (r"drop aws:cloudwatch/logGroup", "EKS makes the group of its logs itself, which are then kept for ever"),
    (r"drop aws:ec2/defaultRouteTable", "AWS's own has no way out either; closing it is for whoever adds one"),
    (r"drop aws:kms/alias", "the key is there; another region finds it no longer, and says so"),
    (r"drop kubernetes:core/v1:ConfigMap:? drop \S+-monitoring-dashboard-", "nothing serves less: a page is away"),
    # A field left out that has a safe default.
    (r"defaultSecurityGroup\S+ ingress left out", DEFAULT),
    (r"subnet\S+ mapPublicIpOnLaunch left out", DEFAULT),
    (r"key:Key deletionWindowInDays left out", "30 days " + DEFAULT),
    (r"bucket:Bucket forceDestroy left out", DEFAULT),
    (r"StatefulSet (whenDeleted|whenScaled) left out", "Retain " + DEFAULT),
    (r"CronJob suspend left out", DEFAULT),
    (r"(CronJob|Job) automountServiceAccountToken left out", "true " + DEFAULT + ", and these pods have a role"),
    (r"Cluster (enableSuperuserAccess|method) left out", DEFAULT),
    (r"launchTemplate\S+ httpEndpoint left out", "enabled " + DEFAULT),
    (r"bucketReplicationConfig\S+ prefix left out", "all objects " + DEFAULT),
    (r"internal left out", "of the load balancer for users: public " + DEFAULT),
    (r"Service targetPort left out", "the same number as the Service's own port: " + DEFAULT),
    # What AWS or Kubernetes refuses.
    (r"(accessEntry|accessPolicyAssociation)\S+ (principalArn|policyArn) left out", REFUSED),
    (r"accessPolicyAssociation\S+ policyArn", "no access policy of EKS: " + REFUSED),
    (r"rolePolicyAttachment\S+ policyArn left out", REFUSED),
    (r"securityGroup(E|In)gressRule\S+ (cidrIpv4|ipProtocol) left out", REFUSED),
    (r"(CronJob|ScheduledBackup) schedule left out", REFUSED),
    (r"Cluster serviceTemplate left out", REFUSED),
    (r"Cluster method ", "no method of synchronous replication: " + REFUSED),
    # Weaker in name only.
    (r"runAsUser left out", "runAsNonRoot stands: the kubelet starts no image whose user is root"),
    (r"(Deployment|StatefulSet) serviceAccountName", "no token is mounted, and nothing is bound to default"),
    (r"CronJob serviceAccountName", "of a restore: without its role in AWS it fails, and says so"),
    (r"logGroup\S+ kmsKeyId left out", "CloudWatch encrypts with a key of its own"),
    (r"(cluster:Cluster|nodeGroup:NodeGroup) version left out", "EKS takes one that it supports"),
    (r"bucketLifecycleConfiguration\S+ (days|prefix|status|expiredObjectDeleteMarker)", "more is kept, not less"),
    (r"bucketReplicationConfig\S+ status", "of markers, metrics or the promised time: all is copied, if later"),
    (r"NetworkPolicy from", "PostgreSQL's own port, which refuses whatever comes without TLS"),
    # Of availability.
    (
        r"(Deployment|Pooler) (maxUnavailable|maxSurge|rollingUpdate|strategy|deploymentStrategy) (left out|\{\})",
        "rolling, with a quarter away at most, " + DEFAULT,
    ),
    (r"(Deployment|Pooler) (maxUnavailable -1|maxSurge)", "of pods over the number: fewer or more at once"),
    (
        r"(Deployment|Pooler|StatefulSet) (labelSelector|matchLabels|maxSkew|topologyKey|whenUnsatisfiable) ",
        "of how nodes are shared: what is on one node is in one zone, which may be lost; the rule over zones stands",
    ),
    (r"(Deployment|Pooler) topologySpreadConstraints \[\{", "the same: the last one is the wish for other nodes"),
    (r"(Deployment|StatefulSet) selector (left out|\{\})", REFUSED),
    (r"(Deployment strategy \{\"|vpcPeeringConnection:VpcPeeringConnection autoAccept)", REFUSED),
    (r"(Deployment|StatefulSet|Pooler) (replicas|instances) \d{3}", "more of them, which the pack capacity judges"),
    (r"Deployment replicas left out", "an autoscaler has the number"),
    (r"HorizontalPodAutoscaler maxReplicas", "more than the fewest, which the pack capacity judges"),
    (r"StatefulSet labels", "of claims, not of pods"),
    (r"Pooler labels", "its pods have the operator's, by which they are chosen"),
    (r"StatefulSet nodeTaintsPolicy", "its pods wait for their volumes anyway"),
    (r"StatefulSet updateStrategy (left out|\{\})", "RollingUpdate " + DEFAULT),
    (r"StatefulSet updateStrategy \{", REFUSED),
    (r"StatefulSet requests", "of a claim: " + REFUSED),
    (r"(CronJob|Job) restartPolicy|Deployment restartPolicy \"other\"", REFUSED),
    (
        r"ConfigMap (shard_number|write_consistency_factor)",
        "as many shards as nodes, and one copy to wait for, " + DEFAULT,
    ),
    (r"aws:\S+ (subnetId|natGatewayId|routeTableId|destinationCidrBlock|vpcPeeringConnectionId) ", REFUSED),
    (r"cluster:Cluster subnetIds", "in two zones at least, or " + REFUSED),
    (r"nodeGroup:NodeGroup (capacityType|updateConfig|maxUnavailable) left out", DEFAULT),
    (r"nodeGroup:NodeGroup (maxUnavailable|updateConfig)", "nodes are drained by evictions, which budgets hold"),
    (
        r"nodeGroup:NodeGroup (desiredSize|(maxSize|minSize) (left out|0|200|300))",
        "out of the others' bounds: " + REFUSED,
    ),
    (
        r"Cluster (dataDurability|enablePDB|enablePodAntiAffinity|failoverDelay|isolationCheck|probes"
        r"|replicationSlots) ",
        DEFAULT,
    ),
    (r"Cluster primaryUpdateStrategy left out", DEFAULT),
    (r"(Deployment|Pooler) matchLabelKeys", "of how nodes are shared: that of the rule over zones is judged"),
    (r"StatefulSet minReadySeconds", "longer: a rollout takes its time"),
    (r"addon\S+ configurationValues", "of the driver of volumes: makes a class, too, that no claim is of"),
    (
        r"(vpcEndpoint\S+ subnetIds|loadBalancer\S+ subnets) ",
        "ids, of which nothing is known: policies judge by where they come from, and their tests break that",
    ),
    (r"targetGroup\S+ deregistrationDelay", "any time but none lets calls end; 300 s " + DEFAULT),
    (r"record:Record aliases", REFUSED),
    (r"helm.sh/v3:Release ", OPERATED),
    (r"Service ports", "of one with an address: " + REFUSED + "; of a headless one names are found without"),
    (r"StatefulSet resources", "of a claim: " + REFUSED),
    (r"\S+Role (apiGroups|resources|verbs) left out", REFUSED),
    (r"NetworkPolicy policyTypes left out", "those of which it has rules are " + DEFAULT),
    (r"(Deployment|StatefulSet) (preStop|startupProbe) \{\}", "without a way to do it: " + REFUSED),
    (r"Deployment restartPolicy left out", "of a sidecar, whose probes an init container must not have: " + REFUSED),
    (
        r"(Deployment|StatefulSet) terminationGracePeriodSeconds [1-9]\d+",
        "a second less of what is more than enough, or more at most: a pod ends as soon as its process does",
    ),
    (r"ObjectStore retentionPolicy", "more is kept, not less; of copies the bucket's own rules decide"),
    (
        r"nodeGroup:NodeGroup (minSize|maxSize)",
        "bounds of an autoscaler of nodes, which no region runs: desiredSize counts, by the pack capacity too",
    ),
    (
        r"nodeGroup:NodeGroup capacityType \"SPOT\"",
        "of nodes without data in one zone: if all are taken away at once a zone is lost, which is judged",
    ),
    (r"ObjectStore destinationPath left out", REFUSED),
    (r"StatefulSet value \"false\"", "Qdrant tells its makers how it is used, by a way that is closed"),
)
"""What was done (a regular expression) to why no policy says so. The first that fits is the reason."""

UNGUARDED: tuple[tuple[str, str], ...] = (
    (r"drop aws:route53/(record|zoneAssociation)", OUTAGE),
    (r"drop aws:iam/rolePolicy", "one of several of its role, which may do less: " + OUTAGE),
    (r"drop kubernetes:batch/v1:(CronJob|Job)", "not the backup's: " + OUTAGE),
    (r"drop kubernetes:(core/v1:Service|k8s.nginx|networking)", OUTAGE),
    (r"drop kubernetes:core/v1:Secret", "nothing is made of it within the stack: " + OUTAGE),
    (r"drop kubernetes:monitoring", "one of several that tell: of names, links, certificates or the ingress"),
    (
        r"ObjectStore destinationPath ",
        "of another region's copy, of which a lost region could not be made again",
    ),
    (r"NetworkPolicy ingress", "from other regions or the namespace of the monitoring alone: " + OUTAGE),
    (
        r"NetworkPolicy (podSelector|matchLabels)",
        "of PostgreSQL's pods, which an expression tells beside, or whose port another policy opens to all",
    ),
    # Of availability.
    (r"nodeGroup:NodeGroup instanceTypes", "one type alone, and no other where it is sold out: the settings' choice"),
    (
        r"Deployment terminationGracePeriodSeconds left out",
        "what is under way is cut off when a pod ends: how long that takes is the program's to know",
    ),
    (r"Deployment startupProbe left out", "liveness ends what starts slowly"),
)
"""The same of what is not harmless: what it costs, and why no policy guards it."""
