package ottla.compat;

import java.io.IOException;
import java.io.OutputStream;
import java.util.LinkedHashMap;
import java.util.Map;
import org.apache.kafka.clients.consumer.CooperativeStickyAssignor;
import org.apache.kafka.clients.consumer.RangeAssignor;
import org.apache.kafka.clients.consumer.RoundRobinAssignor;
import org.apache.kafka.clients.consumer.StickyAssignor;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** What the {@code group} command's arguments mean to a consumer of kafka-clients, whoever drives it. */
final class Membership {
    private static final Map<String, Class<?>> ASSIGNORS = Map.of(
            "range", RangeAssignor.class,
            "roundrobin", RoundRobinAssignor.class,
            "sticky", StickyAssignor.class,
            "cooperative-sticky", CooperativeStickyAssignor.class);

    private Membership() {}

    static Map<String, Object> config(Args args) {
        Map<String, Object> config = new LinkedHashMap<>();
        config.put("bootstrap.servers", args.need("bootstrap"));
        config.put("group.id", args.need("group"));
        config.put("enable.auto.commit", false);
        config.put("auto.offset.reset", "earliest");
        config.put("key.deserializer", ByteArrayDeserializer.class);
        config.put("value.deserializer", ByteArrayDeserializer.class);
        if (args.values().containsKey("instance")) {
            config.put("group.instance.id", args.need("instance"));
        }
        String protocol = args.or("protocol", "classic");
        config.put("group.protocol", protocol);
        switch (protocol) {
            case "classic" -> classic(config, args);
            case "consumer" -> consumer(config, args);
            default -> throw new IllegalArgumentException("no protocol " + protocol);
        }
        return config;
    }

    private static void classic(Map<String, Object> config, Args args) {
        int session = args.number("session-ms", 10000);
        config.put("session.timeout.ms", session);
        // "typically should be set no higher than 1/3 of that value"; 3 s is the default
        config.put("heartbeat.interval.ms", Math.min(3000, session / 3));
        if (args.values().containsKey("assignor")) {
            Class<?> assignor = ASSIGNORS.get(args.need("assignor"));
            if (assignor == null) {
                throw new IllegalArgumentException("no assignor " + args.need("assignor"));
            }
            config.put("partition.assignment.strategy", assignor.getName());
        }
    }

    /** The session is the group's configuration on the server, and so are the assignors. */
    private static void consumer(Map<String, Object> config, Args args) {
        if (args.values().containsKey("assignor")) {
            config.put("group.remote.assignor", args.need("assignor"));
        }
    }

    /** Runs {@code end} when standard input ends; what is written there says nothing. */
    static void atEndOfInput(Runnable end) {
        var reader = new Thread(() -> {
            try {
                System.in.transferTo(OutputStream.nullOutputStream());
            } catch (IOException gone) {
                // that is an end, too
            }
            end.run();
        }, "stdin");
        reader.setDaemon(true);
        reader.start();
    }
}
