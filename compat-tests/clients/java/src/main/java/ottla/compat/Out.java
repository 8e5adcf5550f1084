package ottla.compat;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.Map;

/** Standard output: one JSON value a line, from whatever thread. */
final class Out {
    private static final ObjectMapper JSON = new ObjectMapper();

    private Out() {}

    static synchronized void emit(Map<String, ?> answer) {
        try {
            System.out.println(JSON.writeValueAsString(answer));
        } catch (JsonProcessingException impossible) {
            throw new IllegalStateException(impossible);
        }
        System.out.flush();
    }
}
