# trace: limit=160M seconds=420 kind=leak class=leak split=tune
# Children that never end: each is small, together they fill the unit.
while true; do
    perl -e '$x = "x" x 1500000; sleep 3600' &
    sleep 5
done
