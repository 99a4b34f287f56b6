# The first process of a node's machine: gives it the folders that are a machine's own, then waits for what it inherits.
set -eu
disk=$1

# Volumes that kubelet mounts must be seen by containers, and nothing of it by the machine outside.
mount --make-rprivate /
mount --make-rshared /
mount -t tmpfs -o mode=755 tmpfs /run
# Where version 1 of control groups is in use, crun refuses a version 2 beside it, even one without controllers.
umount /sys/fs/cgroup/unified 2>/dev/null || true
mkdir -p "$disk/log" "$disk/kubelet" "$disk/disks" /var/lib/cni /var/lib/kubelet
mount --bind "$disk/log" /var/log
mount --bind "$disk/kubelet" /var/lib/kubelet
mount -t tmpfs tmpfs /var/lib/cni

: >"$disk/up"
while :; do
  sleep 3600 &
  wait
done
