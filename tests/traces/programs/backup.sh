# trace: limit=128M seconds=300 kind=calm class=cache,sawtooth,steady split=score
# A backup: files are read, packed and written; all of it page cache, some of it dirty.
mkdir files
for i in $(seq 40); do head -c 4000000 /dev/urandom > "files/$i"; done
while true; do
    for i in $(seq 40); do gzip -1 < "files/$i" >> backup.gz; sleep 0.7; done
    rm backup.gz
    sleep 15
done
