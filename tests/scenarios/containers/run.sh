# Cgroups as the runtimes lay them out, with systemd's driver and with the plain one, and in each a process that leaks.
uid=0a1b2c3d-0000-1111-2222-333344445555
under=${uid//-/_}
# v1 keeps the memory controller's tree in a place of its own.
root=/sys/fs/cgroup
[ -d $root/memory ] && root=$root/memory
limit=memory.max
[ -e $root/memory.limit_in_bytes ] && limit=memory.limit_in_bytes
place=0
leak_in() { # path runtime pod
    place=$((place + 1))
    local id path
    id=$(printf '%064x' "$place")
    path=${1//ID/$id}
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
    [ -n "$3" ] && pod="\"$3\""
    echo "{\"event\":\"kill\",\"origin\":\"memcg_limit\",\"cgroup\":{\"path\":\"/$path\"},\"victim\":{\"pid\":$(cat "$OUT/pid$place")},\"limit\":{\"cgroup\":\"/$path\",\"relation\":\"own\",\"bytes\":33554432},\"container\":{\"runtime\":\"$2\",\"id\":\"$id\",\"pod\":$pod}}" >> "$OUT/expected.jsonl"
    rmdir "$dir"
}
leak_in machine.slice/docker-ID.scope docker ""
leak_in docker/ID docker ""
leak_in machine.slice/libpod-ID.scope/container podman ""
leak_in libpod_parent/libpod-ID podman ""
leak_in "kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod$under.slice/cri-containerd-ID.scope" containerd $uid
leak_in "kubepods/burstable/pod$uid/ID" containerd $uid
leak_in "kubepods.slice/kubepods-pod$under.slice/crio-ID.scope" cri-o $uid
leak_in "kubepods/besteffort/pod$uid/crio-ID" cri-o $uid
