// trace: limit=128M seconds=420 kind=leak class=leak split=score args=-pthread
// Threads that are never joined and never end: their stacks stay.
#include <pthread.h>
#include <unistd.h>
static void *work(void *unused) {
    volatile char stack[200 << 10];
    for (size_t i = 0; i < sizeof stack; i += 1024) stack[i] = 1;
    sleep(3600);
    return stack[7] ? unused : 0;
}
int main(void) {
    for (;;) {
        pthread_t thread;
        pthread_create(&thread, 0, work, 0);
        usleep(450000);
    }
}
