// trace: limit=192M seconds=6300 kind=calm args=-Xmx128m split=score
// Requests against a cache that is bounded and replaced, in a heap of two thirds of the limit.
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;

class HeapHour {
    public static void main(String[] arguments) throws Exception {
        Random random = new Random(93);
        Map<Integer, byte[]> cache = new LinkedHashMap<>(16, 0.75f, true) {
            protected boolean removeEldestEntry(Map.Entry<Integer, byte[]> eldest) {
                return size() > 2500;
            }
        };
        while (true) {
            for (int number = 0; number < 5; number++) cache.put(random.nextInt(6000), new byte[random.nextInt(30_000)]);
            for (int number = 0; number < 200; number++) {
                byte[] garbage = new byte[random.nextInt(20_000)];
            }
            Thread.sleep(1000);
        }
    }
}
