# Four units fill memory that is no process's own, until each is killed at its limit.
mount -t tmpfs none /mnt
mount -t ramfs none /srv
touch /srv/0
hold() {
    local name=held-$1.service
    systemd-run --unit "$name" -p MemoryMax="$2" -p MemorySwapMax=0 -p LimitNOFILE=65536 -p LimitMEMLOCK=infinity -p OOMPolicy=continue \
        python3 "$DIR/hold.py" "$1" "$OUT/pid.$1" "$3"
}
hold file 72M 192
hold memfd 56M 192
hold pipes 56M 192
hold dentry 32M 96
for way in file memfd pipes dentry; do
    until_true --minutes 6 ended "held-$way.service"
    echo "${way^^}=$(cat "$OUT/pid.$way")" >> "$OUT/truth"
done
until_true has_kills 4
mkdir "$OUT/captures"
cp "$OUT/events.jsonl" "$OUT/captures/"
told() { # KEY WAY PATTERN
    oomtrace why "held-$2.service" --dir "$OUT/captures" > "$OUT/why.$2"
    echo "$1=$(grep -c "$3" "$OUT/why.$2")" >> "$OUT/truth"
}
told FILE_TOLD file "shared */mnt/leak [0-9.]*M.* open in python3\[$(cat "$OUT/pid.file")\]"
told MEMFD_TOLD memfd "shared *memfd leaky [0-9.]*M.* open in python3\[$(cat "$OUT/pid.memfd")\]"
told PIPES_TOLD pipes "kernel *[0-9]* pipes about [0-9.]*M.* open in python3\[$(cat "$OUT/pid.pipes")\]"
told DENTRY_TOLD dentry "kernel *slab cache dentry [0-9.]*M (+[0-9.]*M in .*) on the whole host"
umount /mnt /srv
