// trace: limit=128M seconds=420 kind=leak class=leak split=score needs=libjemalloc-dev args=-ljemalloc
// jemalloc: small pieces, of which a twelfth is never freed.
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
int main(void) {
    void *ring[1000] = {0};
    for (unsigned i = 0;; i++) {
        size_t size = 64 + rand() % 4000;
        void *piece = malloc(size);
        memset(piece, 1, size);
        if (rand() % 12) { free(ring[i % 1000]); ring[i % 1000] = piece; }
        if (i % 200 == 0) usleep(100000);
    }
}
