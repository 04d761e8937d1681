# Containers of real runtimes. Each waits at a gate, where its process and cgroup are known, and then leaks past its limit.
gate=/run/gate
fs=/root/fs
mkdir -p $gate $fs/{bin,dev,etc,gate,proc,root,run,sys,tmp,usr,var}
cp /bin/busybox $fs/bin/
for name in cat sh tail; do ln -s busybox "$fs/bin/$name"; done
for name in lib lib64; do ln -s usr/$name "$fs/$name"; done
touch $fs/etc/os-release # systemd-nspawn wants one
tar -C $fs -c . > /tmp/box.tar
limit=33554432
leak='cat /gate/$0; exec tail /dev/zero' # $0: its gate
due=0
units=0
why=0
# Lets the process leak. It is in a container of this name: '"runtime":…,"id":…' and more, in JSON. What has the limit is its
# cgroup or, as the fourth argument says, the one above.
leaks() { # name pid facts [above] [selected by]
    local path owner
    path=$(sed -n 's/^0:://p' "/proc/$2/cgroup")
    owner=$path
    [ "${4:-}" = above ] && owner=${path%/*}
    echo "{\"event\":\"kill\",\"origin\":\"memcg_limit\",\"cgroup\":{\"path\":\"$path\"},\"victim\":{\"pid\":$2,\"comm\":\"tail\"},\"trigger\":{\"pid\":$2},\"limit\":{\"cgroup\":\"$owner\",\"relation\":\"own\",\"bytes\":$limit},\"container\":{$3}}" >> "$OUT/expected.jsonl"
    oomtrace units -o json -u "${5:-$1}" > "$OUT/units.$1"
    grep -q '"runtime"' "$OUT/units.$1" && units=$((units + 1))
    due=$((due + 1))
    echo > "$gate/$1"
    until_true has_kills $due
    names+=("${5:-$1}")
}
prepare() { mkfifo "$gate/$1"; }
names=()
plain='"uid":null,"pod":null,"pod_name":null,"namespace":null'

# podman, with either cgroup driver, in a pod, and in a service of its own. --rm: nothing stays.
podman import -q /tmp/box.tar box:1
run_podman() { # name arguments
    local name=$1
    prepare "$name"
    shift
    podman "${driver[@]}" run -d --name "$name" --memory=$limit --memory-swap=$limit -v $gate:/gate "$@" localhost/box:1 sh -c "$leak" "$name" > /run/id
    id=$(cat /run/id)
    pid=$(podman inspect -f '{{.State.Pid}}' "$name")
}
driver=()
run_podman shop --rm --network=none
leaks shop "$pid" "\"runtime\":\"podman\",\"id\":\"$id\",\"name\":\"shop\",$plain" above
run_podman stays --network=none
leaks stays "$pid" "\"runtime\":\"podman\",\"id\":\"$id\",\"name\":\"stays\",$plain" above
driver=(--cgroup-manager=cgroupfs)
run_podman plain --rm --network=none
leaks plain "$pid" "\"runtime\":\"podman\",\"id\":\"$id\",\"name\":\"plain\",$plain"
driver=()
podman pod create --name deck --network=none > /run/pod
run_podman ace --rm --pod deck
leaks ace "$pid" "\"runtime\":\"podman\",\"id\":\"$id\",\"name\":\"ace\",\"uid\":null,\"pod\":\"$(cat /run/pod)\"" above
mkdir -p /etc/containers/systemd
prepare quad
cat > /etc/containers/systemd/quadlet.container <<END
[Container]
Image=localhost/box:1
ContainerName=quad
Exec=sh -c "cat /gate/quad; exec tail /dev/zero"
Network=none
Volume=$gate:/gate
PodmanArgs=--memory=$limit --memory-swap=$limit
END
systemctl daemon-reload
systemctl start quadlet.service
pid=$(podman inspect -f '{{.State.Pid}}' quad)
leaks quad "$pid" "\"runtime\":\"podman\",\"id\":\"$(podman inspect -f '{{.Id}}' quad)\",\"name\":\"quad\",$plain"

# podman of a user: its names are that user's word, and its files not read.
systemctl start user@1000.service
as_tester() { (cd /tmp && setpriv --reuid 1000 --regid 1000 --init-groups env -i HOME=/home/tester "PATH=$PATH" XDG_RUNTIME_DIR=/run/user/1000 DBUS_SESSION_BUS_ADDRESS=unix:path=/run/user/1000/bus "$@"); }
prepare rootless
chmod 644 /tmp/box.tar
as_tester podman import -q /tmp/box.tar box:1
id=$(as_tester podman run -d --name rootless --network=none --memory=$limit --memory-swap=$limit -v $gate:/gate localhost/box:1 sh -c "$leak" rootless)
pid=$(as_tester podman inspect -f '{{.State.Pid}}' rootless)
leaks rootless "$pid" "\"runtime\":\"podman\",\"id\":\"$id\",\"name\":null,\"uid\":1000" above "${id:0:12}"

# Docker, with either cgroup driver.
mkdir -p /etc/docker /etc/containerd
settings='"bridge":"none","iptables":false,"ip6tables":false'
cat > /etc/containerd/config.toml <<END
version = 2
[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "docker.io/library/box:1"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = true
END
systemctl unmask docker.service docker.socket containerd.service
run_docker() { # name arguments
    local name=$1
    prepare "$name"
    shift
    id=$(docker run -d --name "$name" --network=none --memory=$limit --memory-swap=$limit -v $gate:/gate "$@" box:1 sh -c "$leak" "$name")
    pid=$(docker inspect -f '{{.State.Pid}}' "$name")
}
echo "{$settings}" > /etc/docker/daemon.json
systemctl start docker.service
docker import --change 'CMD ["/bin/tail","-f","/etc/os-release"]' /tmp/box.tar box:1
run_docker web --rm
leaks web "$pid" "\"runtime\":\"docker\",\"id\":\"$id\",\"name\":\"web\",$plain"
echo "{$settings,\"exec-opts\":[\"native.cgroupdriver=cgroupfs\"],\"data-root\":\"/srv/docker\"}" > /etc/docker/daemon.json
docker save -o /tmp/box.docker box:1
systemctl restart docker.service
docker load -q -i /tmp/box.docker
run_docker api --rm
leaks api "$pid" "\"runtime\":\"docker\",\"id\":\"$id\",\"name\":\"api\",$plain"

# containerd: its own client, and a pod as kubelet makes it.
ctr image import /tmp/box.docker
ctr -n k8s.io image import /tmp/box.docker
prepare lone
ctr run -d --memory-limit $limit --mount type=bind,src=$gate,dst=/gate,options=rbind docker.io/library/box:1 lone sh -c "$leak" lone
leaks lone "$(ctr task ls | awk '$1 == "lone" { print $2 }')" "\"runtime\":\"containerd\",\"id\":\"lone\",\"name\":\"lone\",$plain"
prepare app
uid=0a1b2c3d-0000-1111-2222-333344445555
slice=kubepods-burstable-pod${uid//-/_}.slice
systemctl start "$slice"
id=$(python3 "$DIR/cri.py" "$slice" $limit $gate sh -c "$leak" app)
pid=$(cat "/run/containerd/io.containerd.runtime.v2.task/k8s.io/$id/init.pid")
leaks app "$pid" "\"runtime\":\"containerd\",\"id\":\"$id\",\"name\":\"app\",\"uid\":null,\"pod\":\"$uid\",\"pod_name\":\"app-7d9f\",\"namespace\":\"prod\"" "" prod/app-7d9f

# LXC and systemd-nspawn: a name and no id.
prepare ship
mkdir -p /var/lib/lxc/ship
cp -a $fs /var/lib/lxc/ship/rootfs
cat > /var/lib/lxc/ship/config <<END
lxc.uts.name = ship
lxc.rootfs.path = dir:/var/lib/lxc/ship/rootfs
lxc.mount.entry = $gate gate none bind 0 0
lxc.net.0.type = none
lxc.apparmor.profile = unconfined
lxc.cgroup2.memory.max = $limit
lxc.init.cmd = /bin/sh -c "cat /gate/ship; exec tail /dev/zero"
END
lxc-start -n ship
leaks ship "$(lxc-info -n ship -p -H)" "\"runtime\":\"lxc\",\"id\":\"ship\",\"name\":\"ship\",$plain"
prepare cask
systemd-nspawn -q -D $fs -M cask --bind=$gate:/gate --property=MemoryMax=$limit --property=MemorySwapMax=0 sh -c "$leak" cask &
leader() { pid=$(machinectl show -P Leader "$1") && [ "$(cat "/proc/$pid/comm")" = "$2" ]; }
until_true leader cask sh
leaks cask "$pid" "\"runtime\":\"systemd-nspawn\",\"id\":\"cask\",\"name\":\"cask\",$plain" above

# A whole system within systemd-nspawn, and a unit of it.
os=/var/lib/machines/inn
mkdir -p $os/{dev,etc/systemd/system,gate,proc,root,run,sys,tmp,usr,var} /etc/systemd/nspawn
for name in bin lib lib64 sbin; do ln -s usr/$name "$os/$name"; done
cp /etc/os-release /etc/passwd /etc/group $os/etc/
systemd-id128 new > $os/etc/machine-id
prepare inn
cat > $os/etc/systemd/system/guest.service <<END
[Unit]
DefaultDependencies=no
[Service]
ExecStart=/bin/busybox sh -c "cat /gate/inn; exec tail /dev/zero"
MemoryMax=$limit
MemorySwapMax=0
END
printf '[Unit]\nDefaultDependencies=no\nWants=guest.service\n' > $os/etc/systemd/system/only.target
ln -s only.target $os/etc/systemd/system/default.target
cat > /etc/systemd/nspawn/inn.nspawn <<END
[Exec]
PrivateUsers=no
LinkJournal=no
[Files]
BindReadOnly=/usr
Bind=$gate:/gate
[Network]
VirtualEthernet=no
END
systemctl start systemd-nspawn@inn.service
inner=/sys/fs/cgroup/machine.slice/systemd-nspawn@inn.service/payload/system.slice/guest.service/cgroup.procs
waits() { pid=$(cat $inner | head -1) && [ "$(cat "/proc/$pid/comm")" = busybox ]; }
until_true waits
leaks inn "$pid" "\"runtime\":\"systemd-nspawn\",\"id\":\"inn\",\"name\":\"inn\",$plain"

# oomtrace in a container, as docs/install.md says: it tells of another container and of the host's units by their names.
# Its image is static; the program here needs the libraries in /usr.
in_podman=(podman run --rm --privileged --pid=host --cgroupns=host --volume /sys/fs/cgroup:/sys/fs/cgroup:ro --volume /run/dbus:/run/dbus --network=none --volume /usr:/usr:ro)
"${in_podman[@]}" --name watcher localhost/box:1 oomtrace -o json > "$OUT/inside.jsonl" 2> "$OUT/inside.stderr" &
begun() { grep -q '"event":"start"' "$OUT/inside.jsonl"; }
until_true begun
"${in_podman[@]}" localhost/box:1 oomtrace doctor -o json > "$OUT/inside.doctor.json"
run_podman seen --rm --network=none
leaks seen "$pid" "\"runtime\":\"podman\",\"id\":\"$id\",\"name\":\"seen\",$plain" above
systemd-run --unit bloated -p MemoryMax=$limit -p MemorySwapMax=0 -p OOMPolicy=continue python3 /share/leak.py "$OUT/pid" 4 0.05
until_true ended bloated.service
host_pid=$(cat "$OUT/pid")
echo "{\"event\":\"kill\",\"unit\":\"bloated.service\",\"origin\":\"memcg_limit\",\"victim\":{\"pid\":$host_pid},\"container\":null}" >> "$OUT/expected.jsonl"
told() { [ "$(grep -c '"event":"kill"' "$OUT/inside.jsonl")" -ge 2 ]; }
until_true told
podman stop -t 20 watcher
echo "INSIDE=$(jq -r 'select(.event == "kill") | "\(.container.name // .unit) \(.victim.pid)"' "$OUT/inside.jsonl" | sed "s/ $pid\$/ right/; s/ $host_pid\$/ right/" | paste -sd ' ')" >> "$OUT/truth"

# What is past is asked for by the same names, and of what has not been removed without a recording too.
journalctl --sync
oomtrace why stays > "$OUT/why.journal"
mkdir "$OUT/captures"
cp "$OUT/events.jsonl" "$OUT/captures/"
for name in "${names[@]}"; do
    oomtrace why "$name" --dir "$OUT/captures" > "$OUT/why.${name//\//-}"
    grep -q "MemoryMax=32.0M\|memory.max=32.0M" "$OUT/why.${name//\//-}" && why=$((why + 1))
done
{
    echo "LEAKED=$due"
    echo "UNITS=$units"
    echo "WHY=$why"
    echo "BUS=$(jq -r '.findings[] | select(.name == "systemd").state' "$OUT/inside.doctor.json")"
    echo "JOURNAL=$(grep -c '^stays: tail.*MemoryMax=32.0M was reached' "$OUT/why.journal")"
} >> "$OUT/truth"
