// trace: limit=256M seconds=420 kind=calm class=steady,sawtooth,warmup split=score args=-Xms8m,-Xmx128m,-XX:+UseSerialGC
// A heap that is allowed to grow does so, though what lives in it stays small.
import java.util.*;
class java_heap {
    public static void main(String[] words) throws Exception {
        Random random = new Random(5);
        Map<Integer, byte[]> sessions = new HashMap<>();
        for (int turn = 0; ; turn++) {
            int users = 20 + Math.min(turn / 6, 350) + random.nextInt(60);
            for (int i = 0; i < 12; i++) sessions.put(random.nextInt(users), new byte[100_000]);
            Thread.sleep(50);
        }
    }
}
