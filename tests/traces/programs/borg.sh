# trace: limit=128M seconds=300 kind=calm split=tune needs=borgbackup
# borg makes a backup about each forty seconds of a tree that changes, prunes, and compacts at times.
export HOME=$PWD BORG_BASE_DIR=$PWD/borg BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK=yes BORG_RELOCATED_REPO_ACCESS_IS_OK=yes
mkdir -p source borg
for i in $(seq 1500); do head -c $((RANDOM * 2)) /dev/urandom > "source/$i"; done
perl -e '$state = "x" x 12_000_000; sleep 3600' &
borg init -e none repo
for n in $(seq 1000); do
    borg create --compression lz4 "repo::b$n" source
    sleep 25
    for i in $(seq 100); do head -c $((RANDOM * 2)) /dev/urandom > "source/$((RANDOM % 2500))"; done
    borg prune --keep-last 4 repo
    [ $((n % 3)) = 0 ] && borg compact repo
    sleep 10
done
