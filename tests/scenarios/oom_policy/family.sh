# A shell that lives on after its leaking child: whatever ends it is not the kernel, which spares it.
echo -1000 > /proc/self/oom_score_adj
echo $$ > "$1.shell"
(echo 0 > /proc/self/oom_score_adj; exec python3 /share/leak.py "$1.leak" 1 0.03)
while true; do sleep 1000; done
