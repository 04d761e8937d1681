# trace: limit=256M seconds=300 kind=calm class=sawtooth,burst,cache,steady split=tune
# A build: compilers come and go.
dir=$(mktemp -d)
for i in $(seq 40); do
    { echo '#include <stdio.h>'; for f in $(seq 300); do echo "int f${i}_$f(int x) { for (int i = 0; i < x; i++) printf(\"%d\", i * $f); return x * $f; }"; done; } > "$dir/$i.c"
done
while true; do
    for i in $(seq 40); do gcc -O2 -c "$dir/$i.c" -o "$dir/$i.o"; sleep 0.5; done
done
