# trace: limit=192M seconds=300 kind=calm split=score needs=zstd,tar,curl
# A small web service, and beside it a "nightly" backup each seventy seconds: tar and zstd -19 of files that change.
mkdir files out
for i in $(seq 60); do seq $((RANDOM * 10)) $((RANDOM * 10 + 60000)) | head -c 300000 > "files/$i"; done
python3 -m http.server -b 127.0.0.1 23320 -d files > /dev/null 2>&1 &
sleep 1
while true; do curl -s -o /dev/null "http://127.0.0.1:23320/$((RANDOM % 60 + 1))"; sleep 0.5; done &
night=0
while sleep 40; do
    tar -cf - files | zstd -q -19 -T1 > "out/$((night % 5)).tar.zst"
    night=$((night + 1))
    for i in $(seq 10); do seq $((RANDOM * 10)) $((RANDOM * 10 + 60000)) | head -c 300000 > "files/$((RANDOM % 60 + 1))"; done
    sleep 25
done
