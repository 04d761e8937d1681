// trace: limit=48M seconds=300 kind=leak class=leak split=score
// A message gateway in C: buffers of mixed sizes live for a while and are freed, but an error path forgets one of twenty.
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#define WINDOW 700
struct message { size_t size; unsigned char body[]; };
static struct message *window[WINDOW];
static unsigned state = 4106;
static double chance(void) { state = state * 1664525u + 1013904223u; return (state >> 8) / 16777216.0; }
static struct message *decode(void) {
    size_t size = 32u << (int)(chance() * 9);
    size += (size_t)(chance() * size);
    struct message *m = malloc(sizeof *m + size);
    m->size = size;
    memset(m->body, (int)size, size);
    return m;
}
int main(void) {
    for (unsigned tick = 0;; tick++) {
        int load = 30 + (int)(chance() * 30) + (tick / 500 % 3 == 1 ? 35 : 0);
        for (int i = 0; i < load; i++) {
            int place = (int)(chance() * WINDOW);
            if (window[place] && chance() > 0.05) free(window[place]);
            window[place] = decode();
        }
        usleep(20000);
    }
}
