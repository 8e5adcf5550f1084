package ottla.compat;

import com.fasterxml.jackson.databind.JsonNode;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.CreatePartitionsOptions;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.CreateTopicsResult;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.config.ConfigResource;

/** Operations on topics and configurations. */
final class Topics {
    /** Longest that an altered setting of a broker is waited for: before it Kafka makes the thousands of topics of other questions. */
    private static final Duration IN_FORCE_WITHIN = Duration.ofMinutes(2);

    private final Admin admin;

    Topics(Admin admin) {
        this.admin = admin;
    }

    void into(Map<String, Probe.Operation> operations) {
        operations.put("createTopics", this::createTopics);
        operations.put("createMany", this::createMany);
        operations.put("createPartitions", this::createPartitions);
        operations.put("deleteTopics", this::deleteTopics);
        operations.put("describeConfigs", this::describeConfigs);
        operations.put("alterConfigs", this::alterConfigs);
    }

    private static Map<String, String> strings(JsonNode node) {
        Map<String, String> map = new TreeMap<>();
        node.properties().forEach(entry -> map.put(entry.getKey(), entry.getValue().asText()));
        return map;
    }

    /** {@code topics: [{name, partitions, replication, configs, assignments}], validateOnly}. */
    private Object createTopics(JsonNode question, Errors errors) {
        List<NewTopic> topics = new ArrayList<>();
        for (JsonNode topic : question.path("topics")) {
            topics.add(newTopic(topic));
        }
        var options = new CreateTopicsOptions().validateOnly(question.path("validateOnly").asBoolean());
        CreateTopicsResult created = admin.createTopics(topics, options);
        Map<String, Object> result = new TreeMap<>();
        for (String name : created.values().keySet()) {
            result.put(name, errors.orError(() -> created(created, name)));
        }
        return result;
    }

    private static NewTopic newTopic(JsonNode topic) {
        String name = topic.path("name").asText();
        NewTopic made;
        if (topic.has("assignments")) {
            Map<Integer, List<Integer>> assignments = new HashMap<>();
            topic.get("assignments").forEach(one -> assignments.put(assignments.size(), List.of(one.asInt())));
            made = new NewTopic(name, assignments);
        } else {
            Optional<Integer> partitions = Optional.of(topic.path("partitions").asInt(1)).filter(n -> n != -1);
            Optional<Short> replication = Optional.of((short) topic.path("replication").asInt(1)).filter(n -> n != -1);
            made = new NewTopic(name, partitions, replication);
        }
        return topic.has("configs") ? made.configs(strings(topic.get("configs"))) : made;
    }

    private static Object created(CreateTopicsResult created, String name) throws Exception {
        created.values().get(name).get();
        Map<String, String> set = new TreeMap<>();
        int entries = 0;
        for (ConfigEntry entry : created.config(name).get().entries()) {
            entries++;
            if (!entry.isDefault()) {
                set.put(entry.name(), entry.value() + " (" + entry.source() + ")");
            }
        }
        return Map.of(
                "partitions", created.numPartitions(name).get(),
                "replication", created.replicationFactor(name).get(),
                "id", created.topicId(name).get().equals(Uuid.ZERO_UUID) ? "zero" : "set",
                "configs", entries, "set", set);
    }

    /** {@code prefix, count, partitions, oneByOne}: how many of so many topics came to be, by error. */
    private Object createMany(JsonNode question, Errors errors) {
        boolean oneByOne = question.path("oneByOne").asBoolean();
        int partitions = question.path("partitions").asInt(1);
        List<NewTopic> batch = new ArrayList<>();
        Map<String, Integer> outcomes = new TreeMap<>();
        for (int at = 0; at < question.path("count").asInt(); at++) {
            batch.add(new NewTopic(question.path("prefix").asText() + at, partitions, (short) 1));
            if (oneByOne) {
                create(batch, errors, outcomes);
                batch.clear();
            }
        }
        if (!oneByOne) {
            create(batch, errors, outcomes);
        }
        return outcomes;
    }

    private void create(List<NewTopic> topics, Errors errors, Map<String, Integer> outcomes) {
        admin.createTopics(topics)
                .values()
                .values()
                .forEach(made -> outcomes.merge(errors.okOrError(made).toString(), 1, Integer::sum));
    }

    /** {@code topics: {name: count}, validateOnly}. */
    private Object createPartitions(JsonNode question, Errors errors) {
        Map<String, NewPartitions> wanted = new TreeMap<>();
        question.path("topics").properties()
                .forEach(one -> wanted.put(one.getKey(), NewPartitions.increaseTo(one.getValue().asInt())));
        var options = new CreatePartitionsOptions().validateOnly(question.path("validateOnly").asBoolean());
        Map<String, Object> result = new TreeMap<>();
        admin.createPartitions(wanted, options)
                .values()
                .forEach((name, done) -> result.put(name, errors.okOrError(done)));
        return result;
    }

    /** {@code names: [..]}, or {@code idsOf: [..]} to delete by id, or {@code unknownId: true}. */
    private Object deleteTopics(JsonNode question, Errors errors) throws Exception {
        Map<String, Object> result = new TreeMap<>();
        if (question.path("unknownId").asBoolean()) {
            var unknown = List.of(new Uuid(1, 1));
            return errors.okOrError(admin.deleteTopics(TopicCollection.ofTopicIds(unknown)).all());
        }
        List<String> names = new ArrayList<>();
        for (JsonNode name : question.path(question.has("idsOf") ? "idsOf" : "names")) {
            names.add(name.asText());
        }
        if (!question.has("idsOf")) {
            admin.deleteTopics(names).topicNameValues()
                    .forEach((name, done) -> result.put(name, errors.okOrError(done)));
            return result;
        }
        for (var topic : admin.describeTopics(names).allTopicNames().get().values()) {
            var one = TopicCollection.ofTopicIds(List.of(topic.topicId()));
            result.put(topic.name(), errors.okOrError(admin.deleteTopics(one).all()));
        }
        return result;
    }

    private static ConfigResource resource(JsonNode question) {
        var type = ConfigResource.Type.valueOf(question.path("type").asText("TOPIC"));
        return new ConfigResource(type, question.path("name").asText());
    }

    /** {@code type, name, only: [keys]}: every entry with all of its fields, except the words of its documentation. */
    private Object describeConfigs(JsonNode question, Errors errors) throws Exception {
        var resource = resource(question);
        var options = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
        Map<String, Object> result = new TreeMap<>();
        for (ConfigEntry entry : admin.describeConfigs(List.of(resource), options).values().get(resource).get().entries()) {
            if (!question.has("only") || question.get("only").toString().contains('"' + entry.name() + '"')) {
                result.put(entry.name(), described(entry));
            }
        }
        return result;
    }

    private static Object described(ConfigEntry entry) {
        Map<String, Object> fields = new TreeMap<>();
        fields.put("value", entry.value());
        fields.put("source", entry.source());
        fields.put("type", entry.type());
        fields.put("isDefault", entry.isDefault());
        fields.put("readOnly", entry.isReadOnly());
        fields.put("sensitive", entry.isSensitive());
        fields.put("hasDoc", entry.documentation() != null && !entry.documentation().isEmpty());
        List<String> synonyms = new ArrayList<>();
        entry.synonyms().forEach(one -> synonyms.add(one.name() + "=" + one.value() + " (" + one.source() + ")"));
        fields.put("synonyms", synonyms);
        return fields;
    }

    /** {@code type, name, ops: [[SET|DELETE|APPEND|SUBTRACT, key, value]], validateOnly}. */
    private Object alterConfigs(JsonNode question, Errors errors) {
        var resource = resource(question);
        List<AlterConfigOp> ops = new ArrayList<>();
        for (JsonNode op : question.path("ops")) {
            String value = op.path(2).isTextual() ? op.get(2).asText() : null;
            ops.add(new AlterConfigOp(
                    new ConfigEntry(op.get(1).asText(), value), AlterConfigOp.OpType.valueOf(op.get(0).asText())));
        }
        var options = new AlterConfigsOptions().validateOnly(question.path("validateOnly").asBoolean());
        Object outcome =
                errors.okOrError(admin.incrementalAlterConfigs(Map.of(resource, ops), options).values().get(resource));
        boolean isForBrokers = resource.type() == ConfigResource.Type.BROKER;
        if (isForBrokers && !options.shouldValidateOnly() && "ok".equals(outcome)) {
            awaitInForce(resource, ops);
        }
        return outcome;
    }

    /** Kafka's brokers take over altered settings some time later, and judge the next change by those in force. */
    private void awaitInForce(ConfigResource broker, List<AlterConfigOp> ops) {
        long deadline = System.nanoTime() + IN_FORCE_WITHIN.toNanos();
        try {
            while (System.nanoTime() < deadline) {
                var told = admin.describeConfigs(List.of(broker)).all().get().get(broker);
                if (ops.stream().allMatch(op -> isInForce(told.get(op.configEntry().name()), broker, op))) {
                    return;
                }
                Thread.sleep(50);
            }
        } catch (Exception error) {
            // The next question tells.
        }
    }

    private static boolean isInForce(ConfigEntry told, ConfigResource broker, AlterConfigOp op) {
        var own = broker.name().isEmpty()
                ? ConfigEntry.ConfigSource.DYNAMIC_DEFAULT_BROKER_CONFIG
                : ConfigEntry.ConfigSource.DYNAMIC_BROKER_CONFIG;
        boolean isSet = told != null && told.source() == own;
        return switch (op.opType()) {
            case SET -> isSet && (told.isSensitive() || op.configEntry().value().equals(told.value()));
            case DELETE -> !isSet;
            default -> true;
        };
    }
}
