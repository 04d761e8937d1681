# trace: limit=320M seconds=300 kind=calm class=sawtooth,burst split=score needs=default-jdk-headless
# A build by a compiler that is a JVM, started for every module.
for i in $(seq 30); do
    { echo "class M$i {"; for f in $(seq 200); do echo "int f$f(int x) { return java.util.List.of(x, $f).stream().mapToInt(y -> y * $f).sum(); }"; done; echo "}"; } > "M$i.java"
done
while true; do
    for i in $(seq 30); do javac -J-Xmx160m -d out "M$i.java"; sleep 4; done
done
