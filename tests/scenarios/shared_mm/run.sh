systemd-run --unit shared -p MemoryMax=64M -p MemorySwapMax=0 -p OOMPolicy=continue python3 "$DIR/shared.py" "$OUT/leak" "$OUT/sharer"
until_true ended shared.service
{ echo "LEAK=$(cat "$OUT/leak")"; echo "SHARER=$(cat "$OUT/sharer")"; } >> "$OUT/truth"
