# trace: limit=48M seconds=300 kind=calm split=score
# A continuous build: every few seconds one C file of a project has changed and is compiled; after six of them the library and the program are made anew, then a rest.
mkdir -p src obj
write() {
    perl -e 'srand $ARGV[1]; my ($p) = @ARGV; print "#include <stdio.h>\n#include <string.h>\n";
        for my $i (1 .. 60 + int rand 80) { print "static int step_$i(int a, const char *t) { int s = a; for (int k = 0; k < $i; k++) { s += t[k % 7] * k; if (s > ", int(rand 9999), ") s -= (int)strlen(t) * $i; } return s; }\n"; $n = $i }
        print "int part_$p(int a) {\n", (map { "a += step_$_(a, \"word$_ long\");\n" } 1 .. $n), "return a; }\n"' "$1" "$2" > "src/part_$1.c"
}
main() {
    for p in 1 2 3 4 5 6; do echo "int part_$p(int);"; done
    echo "#include <stdio.h>"; echo "int main(void) { int a = 1;"
    for p in 1 2 3 4 5 6; do echo "a = part_$p(a);"; done
    echo 'printf("%i", a); return 0; }'
}
main > src/main.c
round=0
while true; do
    round=$((round + 1))
    for p in 1 2 3 4 5 6; do
        write $p $((round * 10 + p))
        gcc -O1 -g -c src/part_$p.c -o obj/part_$p.o
        sleep 4
    done
    rm -f obj/libparts.a
    ar rcs obj/libparts.a obj/part_*.o
    gcc src/main.c -Lobj -lparts -o obj/program && obj/program > obj/result.txt
    sleep 10
done
