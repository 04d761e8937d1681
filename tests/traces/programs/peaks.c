// trace: limit=160M seconds=360 kind=calm class=sawtooth,burst split=tune
// Requests of very different sizes, one after the other, in glibc's heap.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    static void *pieces[60000];
    for (;;) {
        int count = rand() % 10 ? rand() % 9000 : rand() % 60000;
        for (int i = 0; i < count; i++) {
            size_t size = 64 + rand() % 3000;
            pieces[i] = malloc(size);
            memset(pieces[i], 1, size);
            if (i % 200 == 0) usleep(25000);
        }
        usleep(500000);
        for (int i = 0; i < count; i++) free(pieces[i]);
        usleep(1500000);
    }
}
