// Grows by a MiB a second, in arrays.
import java.util.ArrayList;
import java.util.List;

public class Grow {
    static final List<byte[]> kept = new ArrayList<>();

    public static void main(String[] arguments) throws Exception {
        long began = System.nanoTime();
        while (true) {
            kept.add(new byte[1 << 20]);
            long due = began + kept.size() * 1_000_000_000L;
            Thread.sleep(Math.max(0, (due - System.nanoTime()) / 1_000_000));
        }
    }
}
