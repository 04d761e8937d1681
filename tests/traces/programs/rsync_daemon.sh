# trace: limit=48M seconds=300 kind=calm split=tune needs=rsync
# An rsync daemon; a client makes a backup with hard links each minute or so of a tree that changes between.
home=$PWD
mkdir source backup
for d in $(seq 80); do
    mkdir "source/$d"
    for f in $(seq 60); do head -c $((RANDOM % 20000)) /dev/urandom > "source/$d/$f"; done
done
cat > rsyncd.conf <<CONF
address = 127.0.0.1
port = 23280
use chroot = no
uid = root
gid = root
pid file = $home/pid
log file = $home/log
[backup]
path = $home/backup
read only = no
[source]
path = $home/source
CONF
rsync --daemon --no-detach --config="$home/rsyncd.conf" &
sleep 2
for night in $(seq 1000); do
    rsync -a --delete --link-dest="../$((night - 1))" source/ "rsync://127.0.0.1:23280/backup/$night/"
    for _ in $(seq 45); do
        d=$((RANDOM % 80 + 1))
        head -c $((RANDOM % 20000)) /dev/urandom > "source/$d/$((RANDOM % 90))"
        sleep 1
    done
    rsync -a "rsync://127.0.0.1:23280/source/$((RANDOM % 80 + 1))/" restore/
    rm -rf "backup/$((night - 4))"
done
