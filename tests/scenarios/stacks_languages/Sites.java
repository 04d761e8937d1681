// The same as sites.py. The first two places have arrays that are large enough for their collector not to move them, the third
// memory outside of the heap.
import java.lang.reflect.Field;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import sun.misc.Unsafe;

public class Sites {
    static final int ROUNDS = 14, KIB = 1 << 10;
    static final List<byte[]> kept = new ArrayList<>();
    static Unsafe unsafe;

    static void siteSeventy(int length) {
        kept.add(new byte[length]);
    }

    static void siteThirty(int length) {
        kept.add(new byte[length]);
    }

    static void siteFreeing(int length) {
        unsafe.invokeCleaner(ByteBuffer.allocateDirect(length));
    }

    static void caller(int kib) {
        siteSeventy(1536 * kib);
        siteFreeing(2194 * kib);
        siteThirty(658 * kib);
    }

    public static void main(String[] arguments) throws Exception {
        Field field = Unsafe.class.getDeclaredField("theUnsafe");
        field.setAccessible(true);
        unsafe = (Unsafe) field.get(null);
        // What is called often is compiled, and has a name then.
        for (int i = 0; i < 20_000; i++) {
            caller(0);
            if (i % 1_000 == 0) kept.clear();
        }
        System.out.println("waiting");
        while (!Files.exists(Path.of(arguments[0]))) Thread.sleep(100);
        for (int i = 0; i < ROUNDS; i++) {
            caller(KIB);
            Thread.sleep(20);
        }
        System.out.println("done");
        Thread.sleep(3_600_000);
    }
}
