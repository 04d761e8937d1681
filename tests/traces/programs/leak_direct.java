// trace: limit=224M seconds=420 kind=leak class=leak split=score args=-Xmx64m,-XX:MaxDirectMemorySize=1g
// Buffers outside the Java heap that are never released, beside a heap that is collected.
import java.nio.ByteBuffer;
import java.util.*;
class leak_direct {
    public static void main(String[] words) throws Exception {
        List<ByteBuffer> kept = new ArrayList<>();
        byte[] garbage;
        while (true) {
            for (int i = 0; i < 20; i++) garbage = new byte[100_000];
            ByteBuffer buffer = ByteBuffer.allocateDirect(100_000);
            while (buffer.hasRemaining()) buffer.put((byte) 1);
            kept.add(buffer);
            Thread.sleep(190);
        }
    }
}
