package ottla.compat;

import java.time.Duration;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.Consumer;
import org.apache.kafka.clients.consumer.ConsumerInterceptor;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.errors.RetriableException;
import org.springframework.kafka.core.DefaultKafkaConsumerFactory;
import org.springframework.kafka.event.ConsumerStoppedEvent;
import org.springframework.kafka.listener.BatchMessageListener;
import org.springframework.kafka.listener.CommonErrorHandler;
import org.springframework.kafka.listener.ConcurrentMessageListenerContainer;
import org.springframework.kafka.listener.ConsumerAwareRebalanceListener;
import org.springframework.kafka.listener.ContainerProperties;
import org.springframework.kafka.listener.MessageListenerContainer;

/**
 * Spring Kafka's listener container under the {@code group} command of ../README.md. The container commits, and as it
 * does by default: after each batch that the listener was given. What a member of kafka-clients does when partitions are
 * taken is the client {@code java}'s to show.
 */
public final class Spring implements ConsumerAwareRebalanceListener, CommonErrorHandler, BatchMessageListener<byte[], byte[]> {
    private static final String WORK = "ottla.work";
    private static final Duration COMMIT_FOR = Duration.ofSeconds(10);
    private static final Duration STOP_FOR = Duration.ofSeconds(40);

    private final Work work;
    /** Null when the input ended, else why it cannot go on. */
    private final CompletableFuture<Exception> over = new CompletableFuture<>();
    private final CompletableFuture<ConsumerStoppedEvent.Reason> stopped = new CompletableFuture<>();

    private Spring(Work work) {
        this.work = work;
    }

    public static void main(String[] words) {
        Args args = Args.parse(words);
        try {
            if (!args.command().equals("group")) {
                throw new IllegalArgumentException("spring knows the command group only");
            }
            Map<String, Object> config = Membership.config(args);
            try (var work = new Work(args.need("out"))) {
                new Spring(work).run(config, args.need("topic"));
                work.end("batch");
            }
        } catch (Exception error) {
            Out.emit(Map.of("ok", false, "error", error.toString()));
            System.exit(1);
        }
    }

    private void run(Map<String, Object> config, String topic) throws Exception {
        var container = container(config, topic);
        Membership.atEndOfInput(() -> over.complete(null));
        work.begin();
        container.start();
        Exception failure = over.get();
        container.stop();
        var reason = stopped.get(STOP_FOR.toSeconds(), TimeUnit.SECONDS);
        if (failure != null) {
            throw failure;
        }
        if (reason != ConsumerStoppedEvent.Reason.NORMAL) {
            throw ended(reason);
        }
    }

    private ConcurrentMessageListenerContainer<byte[], byte[]> container(Map<String, Object> config, String topic) {
        config.put("interceptor.classes", Commits.class.getName());
        config.put(WORK, work);
        var properties = new ContainerProperties(topic);
        properties.setAckMode(ContainerProperties.AckMode.BATCH);
        properties.setSyncCommits(true);
        properties.setSyncCommitTimeout(COMMIT_FOR);
        properties.setConsumerRebalanceListener(this);
        properties.setMessageListener(this);
        properties.setShutdownTimeout(STOP_FOR.toMillis());
        var container = new ConcurrentMessageListenerContainer<byte[], byte[]>(
                new DefaultKafkaConsumerFactory<>(config), properties);
        container.setCommonErrorHandler(this);
        // of one consumer: without its suffix, so that a static member has the name it was given
        container.setAlwaysClientIdSuffix(false);
        container.setApplicationEventPublisher(this::heard);
        return container;
    }

    private void heard(Object event) {
        if (event instanceof ConsumerStoppedEvent end) {
            stopped.complete(end.getReason());
            over.complete(ended(end.getReason()));
        }
    }

    private static Exception ended(ConsumerStoppedEvent.Reason reason) {
        return new IllegalStateException("the container stopped: " + reason);
    }

    @Override
    public void onMessage(List<ConsumerRecord<byte[], byte[]>> records) {
        work.add(records);
    }

    @Override
    public void onPartitionsAssigned(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        work.gained(partitions);
    }

    @Override
    public void onPartitionsRevokedAfterCommit(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        work.gone(partitions);
    }

    @Override
    public void onPartitionsLost(Consumer<?, ?> consumer, Collection<TopicPartition> partitions) {
        work.gone(partitions);
    }

    /** Of a poll or a commit. The container would try for ever what can't succeed. */
    @Override
    public void handleOtherException(
            Exception error, Consumer<?, ?> consumer, MessageListenerContainer container, boolean batch) {
        if (error instanceof RetriableException || error instanceof CommitFailedException
                || error instanceof RebalanceInProgressException) {
            work.error(error);
        } else {
            over.complete(error);
        }
    }

    /** Of the listener: the work could not be written, so it is not done. */
    @Override
    public void handleBatch(Exception error, ConsumerRecords<?, ?> records, Consumer<?, ?> consumer,
            MessageListenerContainer container, Runnable again) {
        over.complete(error.getCause() instanceof Exception cause ? cause : error);
    }

    @Override
    public boolean isAckAfterHandle() {
        return false;
    }

    /** The consumer tells these of the commits that succeeded, whoever of the container made them. */
    public static final class Commits implements ConsumerInterceptor<byte[], byte[]> {
        private Work work;

        @Override
        public void configure(Map<String, ?> config) {
            work = (Work) config.get(WORK);
        }

        @Override
        public ConsumerRecords<byte[], byte[]> onConsume(ConsumerRecords<byte[], byte[]> records) {
            return records;
        }

        @Override
        public void onCommit(Map<TopicPartition, OffsetAndMetadata> offsets) {
            work.committed(offsets);
        }

        @Override
        public void close() {}
    }
}
