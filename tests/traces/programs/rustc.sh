# trace: limit=320M seconds=300 kind=calm class=sawtooth,burst split=score
# A build by rustc, crate by crate, small ones and a large one.
for i in $(seq 12); do
    { for f in $(seq $((i * 60))); do echo "pub fn f$f(x: &[u64]) -> Vec<String> { x.iter().map(|y| format!(\"{} {}\", y, y * $f)).collect() }"; done; } > "crate$i.rs"
done
while true; do
    for i in $(seq 12); do rustc --edition 2021 -O --crate-type rlib "crate$i.rs" 2> /dev/null; sleep 5; done
done
