package ottla.compat;

import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.CloseOptions;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.RetriableException;
import org.apache.kafka.common.errors.WakeupException;

/** A member of a group: it commits what is taken from it when it is taken, and all that it has in the end. */
final class Group implements ConsumerRebalanceListener {
    private static final Duration POLL_FOR = Duration.ofSeconds(1);
    /** Each of these bounds one step of the end, which has to be over within a minute. */
    private static final Duration COMMIT_FOR = Duration.ofSeconds(10);
    private static final Duration JOIN_FOR = Duration.ofSeconds(15);
    private static final Duration CLOSE_FOR = Duration.ofSeconds(10);
    private static final int REST_MS = 100;

    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Work work;
    private volatile boolean ending = false;

    private Group(KafkaConsumer<byte[], byte[]> consumer, Work work) {
        this.consumer = consumer;
        this.work = work;
    }

    static void run(Args args) throws IOException {
        Map<String, Object> config = Membership.config(args);
        try (var work = new Work(args.need("out"))) {
            var consumer = new KafkaConsumer<byte[], byte[]>(config);
            try {
                new Group(consumer, work).run(args.need("topic"));
            } finally {
                consumer.close(CloseOptions.timeout(CLOSE_FOR));
            }
            work.end("revoke");
        }
    }

    private void run(String topic) {
        work.begin();
        consumer.subscribe(List.of(topic), this);
        Membership.atEndOfInput(this::end);
        while (!ending) {
            read();
        }
        commitAll();
    }

    private void end() {
        ending = true;
        consumer.wakeup();
    }

    private void read() {
        try {
            work.add(consumer.poll(POLL_FOR));
        } catch (WakeupException woken) {
            // whoever asked for records looks whether it is the end
        } catch (RetriableException error) {
            work.error(error);
            Client.pause(REST_MS);
        }
    }

    /** A member that is about to join anew can't commit before it has joined, which {@code poll} does. */
    private void commitAll() {
        long deadline = System.nanoTime() + JOIN_FOR.toNanos();
        while (!commit(work.held()) && System.nanoTime() < deadline) {
            read();
        }
    }

    /** False when another try after the rebalance may succeed. */
    private boolean commit(Collection<TopicPartition> partitions) {
        Map<TopicPartition, OffsetAndMetadata> offsets = work.uncommitted(partitions);
        if (offsets.isEmpty()) {
            return true;
        }
        try {
            commitWoken(offsets);
            work.committed(offsets);
            return true;
        } catch (KafkaException error) {
            work.error(error);
            return !(error instanceof RebalanceInProgressException);
        }
    }

    /** The end of the input wakes whatever runs, a commit too; once, so that the second try is left alone. */
    private void commitWoken(Map<TopicPartition, OffsetAndMetadata> offsets) {
        try {
            consumer.commitSync(offsets, COMMIT_FOR);
        } catch (WakeupException woken) {
            consumer.commitSync(offsets, COMMIT_FOR);
        }
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        work.gained(partitions);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        commit(partitions);
        work.gone(partitions);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        work.gone(partitions);
    }
}
