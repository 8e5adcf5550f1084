package ottla.compat;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.DataInputStream;
import java.io.EOFException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.ApiKeys;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.RecordBatch;
import org.apache.kafka.common.record.internal.SimpleRecord;
import org.apache.kafka.common.requests.RequestHeader;

/** Operations on the wire: any request of any version as JSON, on a connection of its own, and its answer as JSON. */
final class Raw {
    private static final int TIMEOUT_MS = 15000;

    private final String bootstrap;

    Raw(String bootstrap) {
        this.bootstrap = bootstrap;
    }

    void into(Map<String, Probe.Operation> operations) {
        operations.put("raw", this::raw);
        operations.put("rawProduce", this::rawProduce);
    }

    /**
     * {@code api, version, request}: the answer, with what differs from run to run (ids, ports, texts) taken out;
     * "closed" where the broker closes the connection, "silent" where it answers nothing.
     */
    private Object raw(JsonNode question, Errors errors) throws Exception {
        ApiKeys api = ApiKeys.valueOf(question.path("api").asText());
        return exchange(api, (short) question.path("version").asInt(), question.path("request"), errors);
    }

    private Object exchange(ApiKeys api, short version, JsonNode body, Errors errors) throws Exception {
        Class<?> converter = Class.forName("org.apache.kafka.common.message." + name(api, "Request") + "JsonConverter");
        var request = (Message) converter.getMethod("read", JsonNode.class, short.class).invoke(null, body, version);
        ByteBuffer header = MessageUtil.toByteBufferAccessor(
                new RequestHeader(api, version, "probe", 7).data(), api.requestHeaderVersion(version)).buffer();
        ByteBuffer payload = MessageUtil.toByteBufferAccessor(request, version).buffer();
        String[] at = bootstrap.split(":");
        try (Socket socket = new Socket(at[0], Integer.parseInt(at[1]))) {
            socket.setSoTimeout(TIMEOUT_MS);
            ByteBuffer frame = ByteBuffer.allocate(4 + header.remaining() + payload.remaining());
            frame.putInt(header.remaining() + payload.remaining()).put(header).put(payload);
            socket.getOutputStream().write(frame.array());
            DataInputStream in = new DataInputStream(socket.getInputStream());
            byte[] answer = in.readNBytes(in.readInt());
            return decoded(api, version, answer, errors);
        } catch (EOFException closed) {
            return "closed";
        } catch (java.net.SocketTimeoutException silent) {
            return "silent";
        } catch (java.net.SocketException closed) {
            return "closed";
        }
    }

    private static Object decoded(ApiKeys api, short version, byte[] answer, Errors errors) throws Exception {
        var bytes = new ByteBufferAccessor(ByteBuffer.wrap(answer));
        new ResponseHeaderData(bytes, api.responseHeaderVersion(version));
        Class<?> type = Class.forName("org.apache.kafka.common.message." + name(api, "Response"));
        var response = (ApiMessage) type.getDeclaredConstructor().newInstance();
        response.read(bytes, version);
        Class<?> converter = Class.forName(type.getName() + "JsonConverter");
        var json = (JsonNode) converter.getMethod("write", type, short.class).invoke(null, response, version);
        settle(json, errors);
        return json;
    }

    private static String name(ApiKeys api, String direction) {
        return api.messageType.name + direction + "Data";
    }

    /** Takes out what differs from run to run; texts go to {@code says}. */
    private static void settle(JsonNode json, Errors errors) {
        if (json instanceof ObjectNode object) {
            for (String name : List.of("topicId", "clusterId", "port", "throttleTimeMs", "producerId",
                    "finalizedFeaturesEpoch")) {
                if (object.has(name)) {
                    object.put(name, "-");
                }
            }
            for (String name : List.of("errorMessage", "batchIndexErrorMessage")) {
                if (object.path(name).isTextual()) {
                    errors.says().add(object.path(name).asText());
                    object.put(name, "-");
                }
            }
        }
        json.forEach(child -> settle(child, errors));
    }

    /**
     * {@code topic, partition, version, acks, transactionalId, batches: [{codec, producerId, epoch, sequence, records:
     * [{k, v, t}], flip, cut, repeat}]}: the raw answer to one Produce request. {@code flip} turns the bits of the byte
     * at that index of the batch, {@code cut} takes so many bytes from its end.
     */
    private Object rawProduce(JsonNode question, Errors errors) throws Exception {
        short version = (short) question.path("version").asInt(12);
        List<byte[]> batches = new ArrayList<>();
        int size = 0;
        for (JsonNode batch : question.path("batches")) {
            batches.add(batch(batch));
            size += batches.get(batches.size() - 1).length;
        }
        ByteBuffer all = ByteBuffer.allocate(size);
        batches.forEach(all::put);
        String topic = question.path("topic").asText();
        var mapper = new com.fasterxml.jackson.databind.ObjectMapper();
        ObjectNode request = mapper.createObjectNode();
        request.put("transactionalId", question.path("transactionalId").isTextual()
                ? question.path("transactionalId").asText() : null);
        request.put("acks", question.path("acks").asInt(-1));
        request.put("timeoutMs", 10000);
        ObjectNode data = request.putArray("topicData").addObject();
        if (version >= 13) {
            data.put("topicId", topicId(topic));
        } else {
            data.put("name", topic);
        }
        ObjectNode partition = data.putArray("partitionData").addObject();
        partition.put("index", question.path("partition").asInt());
        partition.put("records", Base64.getEncoder().encodeToString(all.array()));
        return exchange(ApiKeys.PRODUCE, version, request, errors);
    }

    private String topicId(String topic) throws Exception {
        try (Admin admin = Admin.create(Map.of("bootstrap.servers", bootstrap))) {
            return admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId().toString();
        }
    }

    private static byte[] batch(JsonNode batch) {
        var buffer = ByteBuffer.allocate(1 << 16);
        MemoryRecordsBuilder builder = MemoryRecords.builder(
                buffer, RecordBatch.MAGIC_VALUE_V2, codec(batch.path("codec").asText("none")), TimestampType.CREATE_TIME,
                0L, RecordBatch.NO_TIMESTAMP, batch.path("producerId").asLong(-1), (short) batch.path("epoch").asInt(-1),
                batch.path("sequence").asInt(-1), batch.path("transactional").asBoolean(), -1);
        for (JsonNode record : batch.path("records")) {
            builder.append(new SimpleRecord(
                    record.path("t").asLong(1700000000000L), bytes(record.path("k")), bytes(record.path("v"))));
        }
        ByteBuffer built = builder.build().buffer();
        byte[] bytes = new byte[built.remaining() - batch.path("cut").asInt(0)];
        built.get(bytes);
        if (batch.has("flip")) {
            bytes[batch.get("flip").asInt()] ^= (byte) 0xff;
        }
        return bytes;
    }

    private static byte[] bytes(JsonNode text) {
        return text.isTextual() ? text.asText().getBytes(StandardCharsets.UTF_8) : null;
    }

    private static Compression codec(String name) {
        return switch (name) {
            case "gzip" -> Compression.gzip().build();
            case "snappy" -> Compression.snappy().build();
            case "lz4" -> Compression.lz4().build();
            case "zstd" -> Compression.zstd().build();
            default -> Compression.NONE;
        };
    }
}
