package ottla.compat;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.DescribeClusterOptions;
import org.apache.kafka.clients.admin.DescribeTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsOptions;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.IsolationLevel;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.acl.AccessControlEntry;
import org.apache.kafka.common.acl.AclBinding;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.acl.AclOperation;
import org.apache.kafka.common.acl.AclPermissionType;
import org.apache.kafka.common.quota.ClientQuotaFilter;
import org.apache.kafka.common.resource.PatternType;
import org.apache.kafka.common.resource.ResourcePattern;
import org.apache.kafka.common.resource.ResourceType;

/** Operations that look: offsets, topics, the cluster, and what a user interface asks besides. */
final class Looks {
    private final Admin admin;

    Looks(Admin admin) {
        this.admin = admin;
    }

    void into(Map<String, Probe.Operation> operations) {
        operations.put("listOffsets", this::listOffsets);
        operations.put("deleteRecords", this::deleteRecords);
        operations.put("describeTopics", this::describeTopics);
        operations.put("listTopics", this::listTopics);
        operations.put("describeCluster", this::describeCluster);
        operations.put("describeLogDirs", this::describeLogDirs);
        operations.put("describeQuorum", this::describeQuorum);
        operations.put("describeFeatures", this::describeFeatures);
        operations.put("listPartitionReassignments", (q, e) ->
                admin.listPartitionReassignments().reassignments().get().size());
        operations.put("describeClientQuotas", (q, e) ->
                admin.describeClientQuotas(ClientQuotaFilter.all()).entities().get().size());
        operations.put("listConfigResources", (q, e) -> admin.listConfigResources().all().get().stream()
                .map(resource -> resource.type() + " " + resource.name()).sorted().toList());
        operations.put("listGroups", (q, e) -> admin.listGroups().all().get().size());
        operations.put("describeScram", (q, e) -> admin.describeUserScramCredentials().all().get().size());
        operations.put("listTransactions", (q, e) -> admin.listTransactions().all().get().size());
        operations.put("describeAcls", (q, e) -> admin.describeAcls(AclBindingFilter.ANY).values().get().size());
        operations.put("createAcls", (q, e) -> e.okOrError(admin.createAcls(List.of(anAcl())).all()));
        operations.put("deleteAcls", (q, e) -> admin.deleteAcls(List.of(anAcl().toFilter())).all().get().size());
    }

    private static AclBinding anAcl() {
        var everyTopic = new ResourcePattern(ResourceType.TOPIC, "probe", PatternType.LITERAL);
        var entry = new AccessControlEntry("User:probe", "*", AclOperation.READ, AclPermissionType.ALLOW);
        return new AclBinding(everyTopic, entry);
    }

    private static OffsetSpec spec(String name) {
        return switch (name) {
            case "latest" -> OffsetSpec.latest();
            case "earliest" -> OffsetSpec.earliest();
            case "maxTimestamp" -> OffsetSpec.maxTimestamp();
            case "earliestLocal" -> OffsetSpec.earliestLocal();
            case "latestTiered" -> OffsetSpec.latestTiered();
            case "earliestPendingUpload" -> OffsetSpec.earliestPendingUpload();
            default -> OffsetSpec.forTimestamp(Long.parseLong(name));
        };
    }

    /** {@code topic, partition, specs: [name or timestamp], committed}: offset, timestamp and epoch of each. */
    private Object listOffsets(JsonNode question, Errors errors) {
        var partition = new TopicPartition(question.path("topic").asText(), question.path("partition").asInt());
        var isolation = question.path("committed").asBoolean()
                ? IsolationLevel.READ_COMMITTED : IsolationLevel.READ_UNCOMMITTED;
        Map<String, Object> result = new TreeMap<>();
        for (JsonNode name : question.path("specs")) {
            result.put(name.asText(), errors.orError(() -> {
                var found = admin.listOffsets(Map.of(partition, spec(name.asText())), new ListOffsetsOptions(isolation))
                        .partitionResult(partition).get();
                String epoch = found.leaderEpoch().map(Object::toString).orElse("none");
                return Map.of("offset", found.offset(), "timestamp", found.timestamp(), "epoch", epoch);
            }));
        }
        return result;
    }

    /** {@code topic, partition, before}: the new log start. */
    private Object deleteRecords(JsonNode question, Errors errors) throws Exception {
        var partition = new TopicPartition(question.path("topic").asText(), question.path("partition").asInt());
        var before = RecordsToDelete.beforeOffset(question.path("before").asLong());
        return admin.deleteRecords(Map.of(partition, before)).lowWatermarks().get(partition).get().lowWatermark();
    }

    /** {@code names, operations}: what each name answers. */
    private Object describeTopics(JsonNode question, Errors errors) {
        List<String> names = new ArrayList<>();
        question.path("names").forEach(name -> names.add(name.asText()));
        var options = new DescribeTopicsOptions()
                .includeAuthorizedOperations(question.path("operations").asBoolean());
        Map<String, Object> result = new TreeMap<>();
        admin.describeTopics(names, options).topicNameValues()
                .forEach((name, topic) -> result.put(name, errors.orError(() -> described(topic.get()))));
        return result;
    }

    private static Object described(TopicDescription topic) {
        var first = topic.partitions().get(0);
        return Map.of(
                "partitions", topic.partitions().size(),
                "internal", topic.isInternal(),
                "id", topic.topicId().equals(Uuid.ZERO_UUID) ? "zero" : "set",
                "leader", first.leader() == null ? "none" : "set",
                "replicas", first.replicas().size(),
                "isr", first.isr().size(),
                "operations", new TreeSet<>(topic.authorizedOperations() == null
                        ? List.of() : topic.authorizedOperations()).toString());
    }

    /** {@code internal}: the names, sorted. */
    private Object listTopics(JsonNode question, Errors errors) throws Exception {
        var options = new ListTopicsOptions().listInternal(question.path("internal").asBoolean());
        return new TreeSet<>(admin.listTopics(options).names().get());
    }

    /** {@code operations}. */
    private Object describeCluster(JsonNode question, Errors errors) throws Exception {
        var options = new DescribeClusterOptions()
                .includeAuthorizedOperations(question.path("operations").asBoolean());
        var cluster = admin.describeCluster(options);
        Node node = cluster.nodes().get().iterator().next();
        return Map.of(
                "nodes", cluster.nodes().get().size(),
                "host", node.host(),
                "rack", String.valueOf(node.rack()),
                "fenced", node.isFenced(),
                "controller", cluster.controller().get() == null ? "none" : "set",
                "clusterIdLength", cluster.clusterId().get().length(),
                "operations", new TreeSet<>(cluster.authorizedOperations().get() == null
                        ? List.of() : cluster.authorizedOperations().get()).toString());
    }

    /** {@code topic}: directories, and how many bytes the topic's replicas hold, as "some" or "none". */
    private Object describeLogDirs(JsonNode question, Errors errors) throws Exception {
        String topic = question.path("topic").asText();
        int broker = admin.describeCluster().nodes().get().iterator().next().id();
        Map<String, Object> result = new TreeMap<>();
        var folders = admin.describeLogDirs(List.of(broker)).descriptions().get(broker).get().values();
        for (var folder : folders) {
            folder.replicaInfos().forEach((partition, replica) -> {
                if (partition.topic().equals(topic)) {
                    result.put(partition.toString(), Map.of(
                            "size", replica.size() == 0 ? "none" : "some",
                            "lag", replica.offsetLag(), "future", replica.isFuture()));
                }
            });
            result.put("error", String.valueOf(folder.error()));
            result.put("total", folder.totalBytes().orElse(-1) > 0 ? "set" : "unset");
            result.put("usable", folder.usableBytes().orElse(-1) > 0 ? "set" : "unset");
        }
        result.put("directories", folders.size());
        return result;
    }

    private Object describeQuorum(JsonNode question, Errors errors) throws Exception {
        var quorum = admin.describeMetadataQuorum().quorumInfo().get();
        return Map.of(
                "voters", quorum.voters().size(),
                "observers", quorum.observers().size(),
                "leaderIsVoter", quorum.voters().stream().anyMatch(one -> one.replicaId() == quorum.leaderId()),
                "highWatermark", quorum.highWatermark() >= 0 ? "set" : "unset");
    }

    private Object describeFeatures(JsonNode question, Errors errors) throws Exception {
        var features = admin.describeFeatures().featureMetadata().get();
        Map<String, String> result = new TreeMap<>();
        features.supportedFeatures().forEach((name, range) ->
                result.put("supported " + name, range.minVersion() + "-" + range.maxVersion()));
        features.finalizedFeatures().forEach((name, range) ->
                result.put("finalized " + name, Short.toString(range.maxVersionLevel())));
        return result;
    }
}
