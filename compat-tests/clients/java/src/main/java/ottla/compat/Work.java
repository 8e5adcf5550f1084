package ottla.compat;

import java.io.BufferedWriter;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/**
 * What a member of a group has, has done and has committed, and what it says of that; see ../README.md. All calls come
 * from the consumer's thread, {@link #begin} and {@link #end} excepted, which come before and after them.
 */
final class Work implements AutoCloseable {
    private final BufferedWriter out;
    private volatile long begun = System.nanoTime();
    private final Set<TopicPartition> held = new HashSet<>();
    private final Map<TopicPartition, OffsetAndMetadata> done = new HashMap<>();
    private final Map<Integer, Long> committed = new TreeMap<>();
    private boolean told = false;
    private long count = 0;

    /** Make it right before the client object: the time to the first record counts from here, or from {@link #begin}. */
    Work(String path) throws IOException {
        out = Files.newBufferedWriter(Path.of(path));
    }

    /** The client is told to consume. */
    void begin() {
        begun = System.nanoTime();
    }

    /** Partitions come on top of those that are held: all of them with the eager assignors, the new ones else. */
    void gained(Collection<TopicPartition> partitions) {
        if (held.addAll(partitions) || !told) {
            tellHeld();
        }
    }

    /** What was done of them and not committed is somebody else's to do again. */
    void gone(Collection<TopicPartition> partitions) {
        done.keySet().removeAll(partitions);
        if (held.removeAll(partitions)) {
            tellHeld();
        }
    }

    private void tellHeld() {
        told = true;
        Out.emit(event("assigned", "partitions", held.stream().map(TopicPartition::partition).sorted().toList()));
    }

    /** Records are done once their lines are in the file; before that there is nothing of them to commit. */
    void add(Iterable<ConsumerRecord<byte[], byte[]>> records) {
        Map<TopicPartition, OffsetAndMetadata> written = new HashMap<>();
        try {
            for (ConsumerRecord<byte[], byte[]> record : records) {
                if (count++ == 0) {
                    Out.emit(event("first", "ms", (System.nanoTime() - begun) / 1_000_000));
                }
                out.write(record.partition() + " " + record.offset() + "\n");
                written.put(new TopicPartition(record.topic(), record.partition()),
                        new OffsetAndMetadata(record.offset() + 1, record.leaderEpoch(), ""));
            }
            out.flush();
        } catch (IOException error) {
            throw new UncheckedIOException(error);
        }
        done.putAll(written);
    }

    /** What there is to commit of these partitions. */
    Map<TopicPartition, OffsetAndMetadata> uncommitted(Collection<TopicPartition> partitions) {
        Map<TopicPartition, OffsetAndMetadata> some = new HashMap<>(done);
        some.keySet().retainAll(partitions);
        return some;
    }

    Set<TopicPartition> held() {
        return Set.copyOf(held);
    }

    void committed(Map<TopicPartition, OffsetAndMetadata> offsets) {
        offsets.forEach((partition, offset) -> {
            committed.put(partition.partition(), offset.offset());
            done.remove(partition, offset);
        });
    }

    void error(Exception error) {
        Out.emit(event("error", "error", error.toString()));
    }

    /** The last line. */
    void end(String commits) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("ok", true);
        answer.put("count", count);
        answer.put("commits", commits);
        answer.put("committed", committed);
        Out.emit(answer);
    }

    @Override
    public void close() throws IOException {
        out.close();
    }

    private static Map<String, Object> event(String name, String column, Object value) {
        Map<String, Object> event = new LinkedHashMap<>();
        event.put("event", name);
        event.put(column, value);
        return event;
    }
}
