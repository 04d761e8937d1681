# A terminal's scope: a shell, 297 that do nothing, and below a second shell the one that grows.
echo $$ > "$1.outer"
for i in $(seq 297); do sleep 600 & echo $!; done > "$1.sleepers"
bash -c 'echo $$ > "$0.inner"; python3 /share/leak.py "$0.leak" 1 0.2; true' "$1"
true
