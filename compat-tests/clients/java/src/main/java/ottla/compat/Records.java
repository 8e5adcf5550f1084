package ottla.compat;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;

/** Operations that write and read records as text. */
final class Records {
    private static final Duration READ_FOR = Duration.ofSeconds(5);

    private final String bootstrap;

    Records(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    void into(Map<String, Probe.Operation> operations) {
        operations.put("send", this::send);
        operations.put("read", this::read);
        operations.put("sleep", (question, errors) -> {
            Thread.sleep(question.path("for").asLong());
            return "ok";
        });
    }

    private static Integer number(JsonNode node) {
        return node.isNumber() ? Integer.valueOf(node.asInt()) : null;
    }

    private static String text(JsonNode node) {
        return node.isTextual() ? node.asText() : null;
    }

    /**
     * {@code topic, config: {}, records: [{k, v, t, p, repeat}]}: where each went, one after the other; a value that is a
     * number stands for so many bytes.
     */
    private Object send(JsonNode question, Errors errors) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("max.block.ms", 15000);
        config.put("delivery.timeout.ms", 30000);
        config.put("request.timeout.ms", 15000);
        config.put("linger.ms", 0);
        config.put("max.request.size", 64 << 20);
        question.path("config").properties().forEach(one -> config.put(one.getKey(), one.getValue().asText()));
        List<Object> result = new ArrayList<>();
        var text = new StringSerializer();
        try (var producer = new KafkaProducer<>(config, text, text)) {
            for (JsonNode record : question.path("records")) {
                JsonNode value = record.path("v");
                String content = value.isNumber() ? "x".repeat(value.asInt()) : text(value);
                Long timestamp = record.path("t").isNumber() ? record.path("t").asLong() : null;
                var made = new ProducerRecord<>(question.path("topic").asText(), number(record.path("p")), timestamp,
                        text(record.path("k")), content);
                result.add(errors.orError(() -> {
                    var sent = producer.send(made).get();
                    Map<String, Object> where = new TreeMap<>();
                    where.put("partition", sent.partition());
                    where.put("offset", sent.offset());
                    where.put("timestamp", timestamp != null && sent.timestamp() == timestamp ? "as sent" : "other");
                    return where;
                }));
            }
        }
        return result;
    }

    /** {@code topic, partition, from, count, committed}: the records, or the consumer's error. */
    private Object read(JsonNode question, Errors errors) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("auto.offset.reset", "none");
        config.put("enable.auto.commit", false);
        var partition = new TopicPartition(question.path("topic").asText(), question.path("partition").asInt());
        List<Object> result = new ArrayList<>();
        var text = new StringDeserializer();
        try (var consumer = new KafkaConsumer<>(config, text, text)) {
            consumer.assign(List.of(partition));
            consumer.seek(partition, question.path("from").asLong());
            long end = System.nanoTime() + READ_FOR.toNanos();
            while (result.size() < question.path("count").asInt() && System.nanoTime() < end) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofMillis(200))) {
                    Map<String, Object> one = new TreeMap<>();
                    one.put("offset", record.offset());
                    one.put("k", record.key());
                    one.put("v", record.value());
                    one.put("timestampType", record.timestampType().toString());
                    result.add(one);
                }
            }
        }
        return result;
    }
}
