# Takes 21 MiB at one place, 9 MiB at another, and 30 MiB at a third that gives all back. Argument: the file whose existence says begin.
import os, sys, time

ROUNDS, KIB = 14, 1 << 10
kept = []

def site_seventy():
    kept.append(b"x" * (1536 * KIB))

def site_thirty():
    kept.append([None] * (658 * KIB // 8))

def site_freeing():
    return len(b"y" * (2194 * KIB))

def caller():
    site_seventy()
    site_freeing()
    site_thirty()

print("waiting", flush=True)
while not os.path.exists(sys.argv[1]):
    time.sleep(0.1)
for _ in range(ROUNDS):
    caller()
    time.sleep(0.02)
print("done", flush=True)
time.sleep(3600)
