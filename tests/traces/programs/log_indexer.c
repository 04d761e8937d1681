// trace: limit=16M seconds=300 kind=calm split=score
// An indexer that reads the log files of a folder again and again, one part at a time, into a table of fixed size: what grows is the page cache only.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define FILES 10
#define PART (256 << 10)
static unsigned table[1 << 20];
static char part[PART];
static void name(char *to, int i) { sprintf(to, "access.%d.log", i); }
int main(void) {
    char path[64];
    srand(5106);
    for (int i = 0; i < FILES; i++) {
        name(path, i);
        FILE *out = fopen(path, "w");
        for (int line = 0; line < 60000; line++) {
            fprintf(out, "10.0.%d.%d - - GET /articles/%d HTTP/1.1 200 %d \"agent %d\"\n", rand() % 256, rand() % 256, rand() % 90000, rand() % 50000, rand() % 300);
            if (line % 3000 == 0) usleep(50000);
        }
        fclose(out);
    }
    for (;;)
        for (int i = 0; i < FILES; i++) {
            name(path, i);
            FILE *in = fopen(path, "r");
            size_t got;
            while ((got = fread(part, 1, PART, in)) > 0) {
                for (size_t k = 3; k < got; k += 2) table[((part[k] * 31u + part[k - 1]) * 31u + part[k - 2] * 7u + part[k - 3] * (unsigned)k) & ((1 << 20) - 1)]++;
                usleep(120000);
            }
            fclose(in);
            sleep(1);
        }
}
