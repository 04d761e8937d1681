# The recipes of docs/guide.md, each by the name of who grows.
cat > /run/dump << 'END'
#!/bin/sh
[ -n "$OOMTRACE_PID" ] || exit 0
out=/var/tmp/$OOMTRACE_COMM.$OOMTRACE_PID
case $OOMTRACE_COMM in
    node) kill -USR2 "$OOMTRACE_PID" ;;
    java) runuser -u "$(stat -c %U "/proc/$OOMTRACE_PID")" -- jcmd "$OOMTRACE_PID" GC.heap_dump "$out.hprof" ;;
    python3)
        gcore -o "$out" "$OOMTRACE_PID"
        oomtrace stacks --cgroup "/$(cut -d/ -f2- "/proc/$OOMTRACE_PID/cgroup")" --for 10s -o pprof > "$out.pb.gz" ;;
esac
END
chmod +x /run/dump
mkdir -p /run/classes
javac -d /run/classes "$DIR/Grow.java"
systemd-run --unit recorder -p StandardError="file:$OUT/recorder.err" \
    oomtrace record --no-runs --dir "$OUT/captures" --exec-on-warning /run/dump
is_recording() { ls "$OUT/captures"/* > /dev/null 2>&1; }
until_true is_recording
limits="-p MemoryMax=320M -p MemorySwapMax=0 -p User=tester -p WorkingDirectory=/var/tmp"
systemd-run --unit growing-node $limits node --heapsnapshot-signal=SIGUSR2 "$DIR/grow.js"
systemd-run --unit growing-java $limits java -Xmx600m -XX:+UseSerialGC -cp /run/classes Grow
systemd-run --unit growing-python $limits python3 "$DIR/grow.py"
# They live for four minutes and more, and are warned of before half of that is over.
whole() { tail -c 2 /var/tmp/Heap.*.heapsnapshot 2> /dev/null | grep -q '}'; }
parsed() { [ -n "$(ls -A /var/tmp/java.*.hprof 2> /dev/null)" ] && ! pgrep -x jcmd; }
dumped() { whole && parsed && [ -s /var/tmp/python3.*.pb.gz ]; }
until_true dumped 2> /dev/null || until_true dumped
systemctl stop growing-node growing-java growing-python recorder
ls -l /var/tmp
{
    echo "NODE=$(python3 -c 'import glob, json; print(sum("snapshot" in json.load(open(name)) for name in glob.glob("/var/tmp/Heap.*.heapsnapshot")[:1]))')"
    echo "JAVA=$(head -c 18 /var/tmp/java.*.hprof | tr -d '\0')"
    # ET_CORE of elf(5).
    echo "PYTHON=$(od -An -tu2 -j16 -N2 /var/tmp/python3.*[0-9] | tr -d ' ')"
    echo "PPROF=$(zcat /var/tmp/python3.*.pb.gz | grep -aq _PyEval_EvalFrameDefault && echo yes)"
} >> "$OUT/truth"
rm -f /var/tmp/*.hprof /var/tmp/*.heapsnapshot /var/tmp/python3.*
