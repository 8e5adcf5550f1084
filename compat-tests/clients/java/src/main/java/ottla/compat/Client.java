package ottla.compat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** kafka-clients under the common contract of ../README.md. */
public final class Client {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final Map<String, Integer> errors = new TreeMap<>();
    private final Map<Integer, long[]> offsets = new TreeMap<>();
    private long sent = 0;
    private long acked = 0;

    public static void main(String[] words) {
        Args args = Args.parse(words);
        try {
            switch (args.command()) {
                case "produce" -> new Client().produce(args);
                case "group" -> Group.run(args);
                default -> consume(args);
            }
        } catch (Exception error) {
            Out.emit(Map.of("ok", false, "error", error.toString()));
            System.exit(1);
        }
    }

    private void produce(Args args) throws IOException {
        int limit = args.number("max-message-bytes", 1048588);
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("bootstrap.servers", args.need("bootstrap"));
        config.put("acks", args.or("acks", "all"));
        config.put("enable.idempotence", args.values().containsKey("idempotent"));
        config.put("compression.type", args.or("codec", "none"));
        config.put("linger.ms", args.number("linger-ms", 5));
        config.put("max.request.size", limit);
        config.put("buffer.memory", Math.max(64L << 20, 2L * limit));
        config.put("batch.size", 131072);
        int fixed = args.number("partition", -1);
        String topic = args.need("topic");
        var bytes = new ByteArraySerializer();
        try (BufferedReader lines = Files.newBufferedReader(Path.of(args.need("input")));
                var producer = new KafkaProducer<byte[], byte[]>(config, bytes, bytes)) {
            for (String line; (line = lines.readLine()) != null; ) {
                JsonNode row = JSON.readTree(line);
                sent++;
                try {
                    producer.send(record(topic, fixed, row), this::delivered);
                } catch (RuntimeException error) {
                    fail(error);
                }
            }
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("ok", errors.isEmpty() && acked == sent);
        answer.put("sent", sent);
        answer.put("acked", acked);
        answer.put("errors", errors);
        answer.put("offsets", offsets);
        Out.emit(answer);
    }

    private static ProducerRecord<byte[], byte[]> record(String topic, int fixed, JsonNode row) {
        List<Header> headers = new ArrayList<>();
        for (JsonNode header : row.path("h")) {
            headers.add(new RecordHeader(header.get(0).asText(), unbase64(header.get(1))));
        }
        Integer partition = fixed >= 0 ? Integer.valueOf(fixed) : row.hasNonNull("p") ? row.get("p").asInt() : null;
        Long timestamp = row.hasNonNull("t") ? row.get("t").asLong() : null;
        return new ProducerRecord<>(topic, partition, timestamp, unbase64(row.get("k")), unbase64(row.get("v")), headers);
    }

    private synchronized void delivered(RecordMetadata meta, Exception error) {
        if (error != null) {
            fail(error);
            return;
        }
        acked++;
        if (meta.hasOffset()) {
            long[] seen = offsets.computeIfAbsent(meta.partition(), p -> new long[] {meta.offset(), meta.offset()});
            seen[0] = Math.min(seen[0], meta.offset());
            seen[1] = Math.max(seen[1], meta.offset());
        }
    }

    private synchronized void fail(Exception error) {
        String name = error.getClass().getSimpleName();
        String words = error.getClass() == KafkaException.class ? name + ": " + error.getMessage() : name;
        errors.merge(words, 1, Integer::sum);
    }

    private static void consume(Args args) throws IOException {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("bootstrap.servers", args.need("bootstrap"));
        config.put("enable.auto.commit", false);
        config.put("auto.offset.reset", args.or("reset", "none"));
        int pause = args.number("pause-ms", 0);
        config.put("max.poll.records", pause > 0 ? 1 : 10000);
        config.put("max.partition.fetch.bytes", args.number("fetch-bytes", 8 << 20));
        long until = Long.parseLong(args.or("until", "-1"));
        long wanted = until >= 0 ? Long.MAX_VALUE : Long.parseLong(args.need("count"));
        var partition = new TopicPartition(args.need("topic"), Integer.parseInt(args.need("partition")));
        long deadline = System.nanoTime() + args.number("timeout-ms", 30000) * 1_000_000L;
        var sum = new Checksum();
        Long first = null;
        Long last = null;
        var bytes = new ByteArrayDeserializer();
        String path = args.or("out", "/dev/null");
        try (var consumer = new KafkaConsumer<byte[], byte[]>(config, bytes, bytes);
                BufferedWriter out = Files.newBufferedWriter(Path.of(path))) {
            consumer.assign(List.of(partition));
            long start = position(consumer, partition, args.or("from", "start"));
            consumer.seek(partition, start);
            Out.emit(Map.of("ready", true, "position", start));
            while (sum.count < wanted && (until < 0 || last == null || last < until) && System.nanoTime() < deadline) {
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(200))) {
                    if (sum.count == wanted) {
                        break;
                    }
                    first = first == null ? Long.valueOf(record.offset()) : first;
                    last = record.offset();
                    sum.add(record.key(), record.value(), record.headers(), record.timestamp());
                    if (args.values().containsKey("out")) {
                        out.write(line(record) + "\n");
                    }
                    pause(pause);
                }
            }
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("ok", until >= 0 ? last != null && last >= until : sum.count == wanted);
        answer.put("count", sum.count);
        sum.into(answer);
        answer.put("first", first);
        answer.put("last", last);
        Out.emit(answer);
    }

    static void pause(int millis) {
        try {
            Thread.sleep(millis);
        } catch (InterruptedException interrupted) {
            throw new IllegalStateException(interrupted);
        }
    }

    private static long position(KafkaConsumer<byte[], byte[]> consumer, TopicPartition partition, String from) {
        if (from.startsWith("ts:")) {
            var found = consumer.offsetsForTimes(Map.of(partition, Long.parseLong(from.substring(3)))).get(partition);
            if (found != null) {
                return found.offset();
            }
            from = "end";
        }
        return switch (from) {
            case "start" -> consumer.beginningOffsets(List.of(partition)).get(partition);
            case "end" -> consumer.endOffsets(List.of(partition)).get(partition);
            default -> Long.parseLong(from);
        };
    }

    private static String line(ConsumerRecord<byte[], byte[]> record) throws IOException {
        Map<String, Object> row = new LinkedHashMap<>();
        row.put("offset", record.offset());
        row.put("t", record.timestamp());
        row.put("k", tobase64(record.key()));
        row.put("v", tobase64(record.value()));
        List<Object> headers = new ArrayList<>();
        for (Header header : record.headers()) {
            List<String> pair = new ArrayList<>();
            pair.add(header.key());
            pair.add(tobase64(header.value()));
            headers.add(pair);
        }
        row.put("h", headers);
        return JSON.writeValueAsString(row);
    }

    private static byte[] unbase64(JsonNode text) {
        return text == null || text.isNull() ? null : Base64.getDecoder().decode(text.asText());
    }

    private static String tobase64(byte[] data) {
        return data == null ? null : Base64.getEncoder().encodeToString(data);
    }
}
