// trace: limit=192M seconds=420 kind=leak class=leak split=score
// Every reload maps a new table and forgets the old one: a stair.
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
int main(void) {
    for (;;) {
        char *table = mmap(0, 8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memset(table, 1, 8 << 20);
        sleep(13);
    }
}
