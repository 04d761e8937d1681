# trace: limit=128M seconds=300 kind=calm split=score needs=restic
# restic makes a backup about each minute of a tree that changes; every third time the oldest are forgotten and pruned.
export HOME=$PWD RESTIC_PASSWORD=x RESTIC_REPOSITORY=$PWD/repo RESTIC_CACHE_DIR=$PWD/cache GOMAXPROCS=2
mkdir source
for i in $(seq 1500); do head -c $((RANDOM * 2)) /dev/urandom > "source/$i"; done
perl -e '$state = "x" x 12_000_000; sleep 3600' &
restic init -q
for n in $(seq 1000); do
    restic backup -q source
    sleep 40
    for i in $(seq 100); do head -c $((RANDOM * 2)) /dev/urandom > "source/$((RANDOM % 2500))"; done
    [ $((n % 3)) = 0 ] && restic forget -q --keep-last 2 --prune
done
