// trace: limit=160M seconds=420 kind=leak class=leak split=tune args=-Xmx1g
// A static list in a JVM whose heap may grow beyond the unit's limit.
import java.util.*;
class leak_java {
    static final List<byte[]> KEPT = new ArrayList<>();
    public static void main(String[] words) throws Exception {
        while (true) {
            for (int i = 0; i < 20; i++) { byte[] garbage = new byte[100_000]; garbage[0] = 1; }
            KEPT.add(new byte[140_000]);
            Thread.sleep(200);
        }
    }
}
