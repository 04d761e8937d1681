// trace: limit=320M seconds=300 kind=calm class=steady,sawtooth split=tune args=-Xmx128m
// Garbage and a working set that stays the same, in a JVM with a heap of its own limit.
import java.util.*;
class gc_java {
    public static void main(String[] words) throws Exception {
        byte[][] working = new byte[200][];
        Random random = new Random(5);
        while (true) {
            for (int i = 0; i < 30; i++) working[random.nextInt(200)] = new byte[100_000];
            Thread.sleep(50);
        }
    }
}
