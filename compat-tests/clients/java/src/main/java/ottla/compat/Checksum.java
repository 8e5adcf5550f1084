package ottla.compat;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.Headers;

/** SHA-256 over the canonical form of records in order, whole and by column; see ../README.md. */
final class Checksum {
    private final MessageDigest whole = sha256();
    private final Map<String, MessageDigest> columns = new LinkedHashMap<>();
    long count = 0;

    Checksum() {
        for (String column : new String[] {"k", "v", "h", "t"}) {
            columns.put(column, sha256());
        }
    }

    void add(byte[] key, byte[] value, Headers headers, long timestamp) {
        framed("k", key);
        framed("v", value);
        int n = headers.toArray().length;
        update("h", ByteBuffer.allocate(4).putInt(n).array());
        for (Header header : headers) {
            framed("h", header.key().getBytes(StandardCharsets.UTF_8));
            framed("h", header.value());
        }
        update("t", ByteBuffer.allocate(8).putLong(timestamp).array());
        count++;
    }

    private void framed(String column, byte[] data) {
        update(column, ByteBuffer.allocate(4).putInt(data == null ? -1 : data.length).array());
        if (data != null) {
            update(column, data);
        }
    }

    private void update(String column, byte[] data) {
        columns.get(column).update(data);
        whole.update(data);
    }

    /** Ends the sums: call it once. */
    void into(Map<String, Object> answer) {
        answer.put("sha256", HexFormat.of().formatHex(whole.digest()));
        Map<String, String> sums = new LinkedHashMap<>();
        columns.forEach((column, digest) -> sums.put(column, HexFormat.of().formatHex(digest.digest())));
        answer.put("columns", sums);
    }

    private static MessageDigest sha256() {
        try {
            return MessageDigest.getInstance("SHA-256");
        } catch (NoSuchAlgorithmException impossible) {
            throw new IllegalStateException(impossible);
        }
    }
}
