# The kernel kills the child that leaks; systemd then ends what is left of the unit.
for policy in kill stop; do
    systemd-run --unit "policy-$policy" -p OOMPolicy=$policy -p MemoryMax=48M -p MemorySwapMax=0 bash "$DIR/family.sh" "$OUT/$policy"
    until_true ended "policy-$policy.service"
    echo "${policy^^}_LEAK=$(cat "$OUT/$policy.leak")" >> "$OUT/truth"
    echo "${policy^^}_SHELL=$(cat "$OUT/$policy.shell")" >> "$OUT/truth"
done
