# The recipes of docs/guide.md, each by the name of who grows.
cat > /run/dump << 'END'
#!/bin/sh
[ -n "$OOMTRACE_PID" ] || exit 0
out=/var/tmp/$OOMTRACE_COMM.$OOMTRACE_PID
case $OOMTRACE_COMM in
    node) kill -USR2 "$OOMTRACE_PID" ;;
    java) runuser -u "$(stat -c %U "/proc/$OOMTRACE_PID")" -- jcmd "$OOMTRACE_PID" GC.heap_dump "$out.hprof" ;;
    prometheus) curl -so "$out.pb.gz" http://localhost:9090/debug/pprof/heap ;;
    perl) systemd-run --quiet --collect heaptrack -o "$out" -p "$OOMTRACE_PID" ;;
    python3)
        py-spy dump --pid "$OOMTRACE_PID" > "$out.stacks"
        gcore -o "$out" "$OOMTRACE_PID"
        oomtrace stacks --cgroup "/$(cut -d/ -f2- "/proc/$OOMTRACE_PID/cgroup")" --for 10s -o pprof > "$out.pb.gz" ;;
esac
END
chmod +x /run/dump
mkdir -p /run/classes /run/prometheus
javac -d /run/classes "$DIR/Grow.java"
# What ends Prometheus in practice: a target whose series have a new label each time.
cat > /run/prometheus/prometheus.yml << 'END'
scrape_configs: [{job_name: label, scrape_interval: 1s, static_configs: [{targets: ["localhost:8000"]}]}]
END
chown tester /run/prometheus
systemd-run --unit labels python3 "$DIR/labels.py"
systemd-run --unit recorder -p StandardError="file:$OUT/recorder.err" \
    oomtrace record --no-runs --dir "$OUT/captures" --exec-on-warning /run/dump
is_recording() { ls "$OUT/captures"/* > /dev/null 2>&1; }
until_true is_recording
# One after the other: the dump of one takes the time of all. Until $1 is true, with a limit of $2.
grow() {
    local until=$1 limit=$2
    shift 2
    systemd-run --unit "growing-$until" -p MemoryMax="$limit" -p MemorySwapMax=0 -p User=tester -p WorkingDirectory=/var/tmp "$@"
    until_true --minutes 6 "$until"
    systemctl stop "growing-$until"
}
snapshot() { tail -c 2 /var/tmp/Heap.*.heapsnapshot 2> /dev/null | grep -q '}'; }
heap() { [ -n "$(ls -A /var/tmp/java.*.hprof 2> /dev/null)" ] && ! pgrep -x jcmd > /dev/null; }
core() { [ -s /var/tmp/python3.*.pb.gz ]; }
profile() { [ -s /var/tmp/prometheus.*.pb.gz ]; }
grow snapshot 320M node --heapsnapshot-signal=SIGUSR2 "$DIR/grow.js"
grow heap 192M java -Xmx600m -XX:+UseSerialGC -cp /run/classes Grow
grow core 128M python3 "$DIR/grow.py"
grow profile 192M prometheus --config.file /run/prometheus/prometheus.yml --storage.tsdb.path /run/prometheus/data
# This one is left to its end: heaptrack writes when the program is gone.
systemd-run --unit growing-perl -p MemoryMax=160M -p MemorySwapMax=0 -p OOMPolicy=continue perl "$DIR/grow.pl" "$OUT/pid"
followed() { ended growing-perl.service && heaptrack_print /var/tmp/perl.[0-9]* 2> /dev/null | grep -q 'total memory leaked: [1-9]'; }
until_true --minutes 6 followed
systemctl stop labels recorder
ls -l /var/tmp
{
    echo "PID=$(cat "$OUT/pid")"
    echo "NODE=$(python3 -c 'import glob, json; print(sum("snapshot" in json.load(open(name)) for name in glob.glob("/var/tmp/Heap.*.heapsnapshot")[:1]))')"
    echo "JAVA=$(head -c 18 /var/tmp/java.*.hprof | tr -d '\0')"
    # ET_CORE of elf(5).
    echo "PYTHON=$(od -An -tu2 -j16 -N2 /var/tmp/python3.*[0-9] | tr -d ' ')"
    echo "PY_SPY=$(grep -o '<module> (.*grow.py' /var/tmp/python3.*.stacks | grep -o grow.py)"
    echo "GO=$(zcat /var/tmp/prometheus.*.pb.gz | grep -ao 'prometheus/tsdb' | head -n 1)"
    echo "HEAPTRACK=$(heaptrack_print /var/tmp/perl.[0-9]* | grep -om 1 Perl_sv_grow)"
    echo "PPROF=$(zcat /var/tmp/python3.*.pb.gz | grep -aq _PyEval_EvalFrameDefault && echo yes)"
} >> "$OUT/truth"
rm -f /var/tmp/*.hprof /var/tmp/*.heapsnapshot /var/tmp/{python3,prometheus,perl}.*
