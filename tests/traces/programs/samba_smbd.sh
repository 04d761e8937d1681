# trace: limit=96M seconds=300 kind=calm split=score needs=samba,smbclient
# smbd: clients connect, list, put and get files of an office share; one process for each client.
home=$PWD
mkdir -p share private lock state cache pid ncalrpc
chmod 755 . && chmod 777 share
cat > smb.conf <<CONF
[global]
server role = standalone server
interfaces = 127.0.0.1
bind interfaces only = yes
smb ports = 23310
disable netbios = yes
map to guest = bad user
guest account = nobody
private dir = $home/private
lock directory = $home/lock
state directory = $home/state
cache directory = $home/cache
pid directory = $home/pid
ncalrpc dir = $home/ncalrpc
log file = $home/log
load printers = no
printing = bsd
[share]
path = $home/share
read only = no
guest ok = yes
CONF
for i in $(seq 40); do head -c $((RANDOM * 60)) /dev/urandom > share/doc$i; done
chmod 666 share/*
smbd -F --no-process-group --debug-stdout -s smb.conf &
sleep 3
client() { smbclient //127.0.0.1/share -p 23310 -N -s smb.conf -c "$1" > /dev/null 2>> errors; }
worker() {
    RANDOM=$1
    mkdir "w$1"; cd "w$1" || exit
    head -c 3000000 /dev/urandom > up
    while true; do
        sleep $((RANDOM % 8 + 3))
        smbclient //127.0.0.1/share -p 23310 -N -s ../smb.conf > /dev/null 2>> ../errors < <(
            for _ in $(seq $((RANDOM % 8 + 1))); do
                case $((RANDOM % 4)) in 0) echo ls;; 1) echo "put up up$((RANDOM % 60))";; *) echo "get doc$((RANDOM % 40 + 1)) down";; esac
                sleep $((RANDOM % 5))
            done)
    done
}
for n in 1 2 3 4 5; do worker $n & done
wait
