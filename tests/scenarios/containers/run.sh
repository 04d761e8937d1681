# Cgroups as the runtimes lay them out, with systemd's driver and with the plain one, and in each a process that leaks.
uid=0a1b2c3d-0000-1111-2222-333344445555
under=${uid//-/_}
# v1 keeps the memory controller's tree in a place of its own.
root=/sys/fs/cgroup
[ -d $root/memory ] && root=$root/memory
limit=memory.max
[ -e $root/memory.limit_in_bytes ] && limit=memory.limit_in_bytes
place=0
# What a runtime keeps of a container for itself: the name comes from there.
keep() { # file text
    mkdir -p "$(dirname "$1")"
    printf '%s\n' "$2" > "$1"
}
keep_docker() {
    keep "/var/lib/docker/containers/$1/config.v2.json" '{"Name":"/web","Config":{"Labels":{}}}'
}
keep_podman() {
    keep /var/lib/containers/storage/overlay-containers/containers.json "[{\"id\":\"$1\",\"names\":[\"db\"]}]"
}
keep_containerd() {
    keep "/run/containerd/io.containerd.runtime.v2.task/k8s.io/$1/config.json" '{"annotations":{"io.kubernetes.cri.container-name":"app","io.kubernetes.cri.sandbox-name":"app-7d9f","io.kubernetes.cri.sandbox-namespace":"prod"}}'
}
keep_cri-o() {
    keep "/run/containers/storage/overlay-containers/$1/userdata/config.json" '{"annotations":{"io.kubernetes.cri-o.Labels":"{\"io.kubernetes.container.name\":\"app\",\"io.kubernetes.pod.name\":\"app-7d9f\",\"io.kubernetes.pod.namespace\":\"prod\"}"}}'
}
leak_in() { # path runtime pod name
    place=$((place + 1))
    local id path
    id=$(printf '%064x' "$place")
    path=${1//ID/$id}
    "keep_$2" "$id"
    local dir=$root/$path part=$root name
    IFS=/ read -ra names <<< "$path"
    for name in "${names[@]}"; do
        # Every level counts memory: as runc makes them.
        [ $limit = memory.max ] && echo +memory > "$part/cgroup.subtree_control"
        part=$part/$name
        mkdir -p "$part"
    done
    echo 32M > "$dir/$limit"
    [ -e "$dir/memory.swap.max" ] && echo 0 > "$dir/memory.swap.max"
    bash -c 'echo $$ > "$0/cgroup.procs"; exec python3 /share/leak.py "$1" 4 0.05' "$dir" "$OUT/pid$place"
    local pod=null
    local pod_name=null namespace=null
    [ -n "$3" ] && pod="\"$3\"" pod_name='"app-7d9f"' namespace='"prod"'
    local pid
    pid=$(cat "$OUT/pid$place")
    echo "{\"event\":\"kill\",\"origin\":\"memcg_limit\",\"cgroup\":{\"path\":\"/$path\"},\"victim\":{\"pid\":$pid},\"trigger\":{\"pid\":$pid},\"limit\":{\"cgroup\":\"/$path\",\"relation\":\"own\",\"bytes\":33554432},\"container\":{\"runtime\":\"$2\",\"id\":\"$id\",\"pod\":$pod,\"name\":\"$4\",\"pod_name\":$pod_name,\"namespace\":$namespace}}" >> "$OUT/expected.jsonl"
    # Nothing stays for the next tier, whose first look would find another container's files.
    while [ "$dir" != "$root" ] && [ "$dir" != "$root/machine.slice" ] && rmdir "$dir" 2> /dev/null; do dir=$(dirname "$dir"); done
}
leak_in machine.slice/docker-ID.scope docker "" web
leak_in docker/ID docker "" web
leak_in machine.slice/libpod-ID.scope/container podman "" db
leak_in libpod_parent/libpod-ID podman "" db
leak_in "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod$under.slice/cri-containerd-ID.scope" containerd $uid app
leak_in "kubepods/burstable/pod$uid/ID" containerd $uid app
leak_in "kubepods.slice/kubepods-pod$under.slice/crio-ID.scope" cri-o $uid app
leak_in "kubepods/besteffort/pod$uid/crio-ID" cri-o $uid app
