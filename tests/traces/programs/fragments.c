// trace: limit=128M seconds=300 kind=calm class=steady,warmup split=tune
// Pieces of all sizes, allocated and freed at random: the heap grows by holes, and stops.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    static void *slots[3000];
    for (unsigned i = 0;; i++) {
        int slot = rand() % 3000;
        size_t size = 16 + (rand() % 100 ? rand() % 2000 : rand() % 200000);
        free(slots[slot]);
        slots[slot] = malloc(size);
        memset(slots[slot], 1, size);
        if (i % 100 == 0) usleep(100000);
    }
}
