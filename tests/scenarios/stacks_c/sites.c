// Takes 21 MiB at one place, 9 MiB at another, and 30 MiB at a third that gives all back. Argument: the file whose existence says begin.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS 14
#define KIB 1024
// Not left out, put into its caller, or jumped to instead of called.
#define SITE __attribute__((noipa, optimize("no-optimize-sibling-calls")))
#define USED(memory) __asm__ volatile("" : : "r"(memory) : "memory")

void *volatile kept[2 * ROUNDS];

SITE void *site_seventy(void)
{
    char *taken = malloc(1536 * KIB);
    memset(taken, 1, 1536 * KIB);
    return taken;
}

SITE void *site_thirty(void)
{
    char *taken = malloc(658 * KIB);
    memset(taken, 1, 658 * KIB);
    return taken;
}

SITE void site_freeing(void)
{
    char *taken = malloc(2194 * KIB);
    memset(taken, 1, 2194 * KIB);
    USED(taken);
    free(taken);
}

SITE void caller(int round)
{
    kept[2 * round] = site_seventy();
    site_freeing();
    kept[2 * round + 1] = site_thirty();
}

int main(int count, char **words)
{
    if (count != 2)
        return 2;
    puts("waiting");
    fflush(stdout);
    while (access(words[1], F_OK) != 0)
        usleep(100000);
    for (int round = 0; round < ROUNDS; round++) {
        caller(round);
        usleep(20000);
    }
    puts("done");
    fflush(stdout);
    for (;;)
        pause();
}
