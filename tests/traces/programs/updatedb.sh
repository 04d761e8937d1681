# trace: limit=96M seconds=300 kind=calm split=score needs=coreutils,findutils
# A file server's nightly walk (each minute here) over many small files: names and inodes fill the kernel's caches; checksums of some.
mkdir files
for d in $(seq 150); do
    mkdir "files/$d"
    for f in $(seq 120); do echo "$d $f $RANDOM"; done > "files/$d/all"
    (cd "files/$d" && split -l 1 -a 3 all f)
done
perl -e '$state = "x" x 10_000_000; sleep 3600' &
while true; do
    find files -printf '%p %s %T@\n' | sort > names.new && mv names.new names
    find "files/$((RANDOM % 150 + 1))" -type f -exec sha256sum {} + > sums
    for _ in $(seq 20); do d=$((RANDOM % 150 + 1)); echo "$RANDOM" > "files/$d/new$RANDOM"; sleep 2; done
done
