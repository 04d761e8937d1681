# trace: limit=192M seconds=300 kind=calm class=sawtooth,burst split=tune
# A shell pipeline that sorts, again and again.
while true; do
    seq 900000 | shuf | sort -n --buffer-size=60M | tail -1 > /dev/null
    sleep 4
done
