# A program in C: with frame pointers alone, with unwind tables alone as distributions build it, and with neither.
. /share/follow.sh
build() { gcc -O2 -o "$run/$1" "$DIR/sites.c" "${@:2}"; }
no_tables="-fno-asynchronous-unwind-tables -fno-unwind-tables"
build framed -fno-omit-frame-pointer $no_tables
build tables -fomit-frame-pointer
build neither -fomit-frame-pointer $no_tables
for how in framed tables neither; do
    follow "c-$how" json waiting : "$run/$how"
    python3 /share/stacks_languages/check.py "$how" "$OUT/c-$how.stacks" >> "$OUT/truth"
done
follow c-table table waiting : "$run/neither"
echo "NEITHER_SAID=$(tr -s '\n ' '  ' < "$OUT/c-table.stacks" | grep -o 'build with -fno-omit-frame-pointer or with unwind tables')" >> "$OUT/truth"
