package ottla.compat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;

/**
 * Asks a broker what a file of JSON lines says and prints one JSON line for each: the same questions to two brokers give
 * answers that can be compared field by field. {@code Probe --bootstrap H:P [--checks FILE]}; without a file, stdin.
 *
 * <p>An answer has {@code check}, {@code op}, {@code result} (to compare: error codes by name, no ids, no ports),
 * {@code says} (error texts, not to compare) and {@code ms}. See ../README.md for the operations.
 */
public final class Probe {
    /** One operation: the question in, what to compare out. */
    interface Operation {
        Object ask(JsonNode question, Errors errors) throws Exception;
    }

    private static final ObjectMapper JSON =
            new ObjectMapper().configure(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS, true);

    /** Kafka's brokers apply a change of metadata some time after it is acknowledged: the next question waits for it. */
    private static final int SETTLE_MS = 300;

    private static final Set<String> CHANGES =
            Set.of("createTopics", "createPartitions", "deleteTopics", "alterConfigs", "raw");

    private final Map<String, Operation> operations = new HashMap<>();

    private Probe(String bootstrap, Admin admin) {
        new Topics(admin).into(operations);
        new Looks(admin).into(operations);
        new Records(bootstrap).into(operations);
        new Raw(bootstrap).into(operations);
    }

    public static void main(String[] words) throws Exception {
        Map<String, String> args = new TreeMap<>();
        for (int at = 0; at + 1 < words.length; at += 2) {
            args.put(words[at], words[at + 1]);
        }
        String bootstrap = args.get("--bootstrap");
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", bootstrap);
        config.put("default.api.timeout.ms", 120000);
        config.put("request.timeout.ms", 60000);
        String file = args.get("--checks");
        try (Admin admin = Admin.create(config);
                BufferedReader lines = file == null
                        ? new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8))
                        : Files.newBufferedReader(Path.of(file))) {
            Probe probe = new Probe(bootstrap, admin);
            for (String line; (line = lines.readLine()) != null; ) {
                if (!line.isBlank()) {
                    probe.answer(JSON.readTree(line));
                }
            }
        }
        System.exit(0);
    }

    private void answer(JsonNode question) throws IOException, InterruptedException {
        String op = question.path("op").asText();
        Errors errors = new Errors();
        Object result;
        long began = System.nanoTime();
        try {
            Operation operation = operations.get(op);
            result = operation == null ? Map.of("unknown op", op) : operation.ask(question, errors);
        } catch (Exception error) {
            result = errors.of(error);
        }
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("check", question.path("check").asText());
        answer.put("op", op);
        answer.put("result", result);
        if (!errors.says().isEmpty()) {
            answer.put("says", errors.says());
        }
        answer.put("ms", (System.nanoTime() - began) / 1_000_000);
        System.out.write((JSON.writeValueAsString(answer) + "\n").getBytes(StandardCharsets.UTF_8));
        System.out.flush();
        if (CHANGES.contains(op) && !question.path("validateOnly").asBoolean()) {
            Thread.sleep(SETTLE_MS);
        }
    }
}
