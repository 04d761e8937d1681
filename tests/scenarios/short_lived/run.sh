# oomtrace stands still until both are dead: one that begins a program, one that only forks.
kill -STOP "$OOMTRACE"
systemd-run --unit parent -p MemoryMax=64M -p MemorySwapMax=0 -p OOMPolicy=continue \
    bash -c "python3 /share/leak.py $OUT/child 16 0; exec python3 $DIR/forks.py $OUT/forked"
until_true ended parent.service
kill -CONT "$OOMTRACE"
{
    echo "CHILD_COMMAND=python3 /share/leak.py $OUT/child 16 0"
    echo "FORKED_COMMAND=python3 $DIR/forks.py $OUT/forked"
    echo "CHILD=$(cat "$OUT/child")"
    echo "FORKED=$(cat "$OUT/forked")"
} >> "$OUT/truth"
