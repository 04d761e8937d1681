// trace: limit=160M seconds=300 kind=calm class=sawtooth,burst split=score needs=libjemalloc-dev args=-ljemalloc
// Bursts of requests: jemalloc gives what was freed back to the kernel little by little.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    static void *pieces[20000];
    for (unsigned burst = 0;; burst++) {
        int count = 2000 + rand() % 18000;
        for (int i = 0; i < count; i++) {
            size_t size = 64 + rand() % 8000;
            pieces[i] = malloc(size);
            memset(pieces[i], 1, size);
            if (i % 100 == 0) usleep(40000);
        }
        for (int i = 0; i < count; i++) free(pieces[i]);
        sleep(10);
    }
}
