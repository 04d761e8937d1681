# Reads the file $1 again and again, 2 MiB every half a second.
import sys, time
while True:
    with open(sys.argv[1], "rb", buffering=0) as file:
        while file.read(2 << 20):
            time.sleep(0.5)
