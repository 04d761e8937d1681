// trace: limit=320M seconds=420 kind=calm class=steady,sawtooth,warmup split=tune args=-Xms16m,-Xmx160m,-XX:+UseG1GC
// G1 takes what it may while a working set forms and changes.
import java.util.*;
class heap_g1 {
    public static void main(String[] words) throws Exception {
        Random random = new Random(7);
        List<byte[]> working = new ArrayList<>();
        while (true) {
            for (int i = 0; i < 10; i++) {
                byte[] piece = new byte[20_000 + random.nextInt(100_000)];
                if (working.size() < 600) working.add(piece); else working.set(random.nextInt(600), piece);
            }
            Thread.sleep(60);
        }
    }
}
