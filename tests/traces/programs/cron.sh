# trace: limit=128M seconds=360 kind=calm class=sawtooth,burst split=score
# Jobs by the clock beside a small service: most are small, each third is large.
perl -e '$state = "x" x 12_000_000; sleep 3600' &
for job in $(seq 1000); do
    sleep 28
    size=$((job % 3 == 0 ? 80 : 25))
    perl -e '$size = shift; while ($size-- > 0) { push @work, "x" x 1_000_000; select(undef, undef, undef, 0.06) } sleep 3' "$size"
done
