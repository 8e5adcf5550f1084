package ottla.compat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.KafkaFuture;

/** Errors as their names in the protocol, which are compared, and their texts, which are kept aside. */
final class Errors {
    private final List<String> says = new ArrayList<>();

    /** Something that may fail. */
    interface Attempt {
        Object get() throws Exception;
    }

    List<String> says() {
        return says;
    }

    /** {@code {"error": "TOPIC_ALREADY_EXISTS"}}; an error of the client itself by the name of its class. */
    Map<String, String> of(Throwable error) {
        while ((error instanceof ExecutionException || error instanceof CompletionException) && error.getCause() != null) {
            error = error.getCause();
        }
        if (says.size() < 20 && error.getMessage() != null) {
            says.add(error.getMessage());
        }
        var code = org.apache.kafka.common.protocol.Errors.forException(error);
        boolean own = code == org.apache.kafka.common.protocol.Errors.UNKNOWN_SERVER_ERROR
                && !(error instanceof org.apache.kafka.common.errors.UnknownServerException);
        return Map.of("error", own ? error.getClass().getSimpleName() : code.name());
    }

    /** What the attempt gives, or its error. */
    Object orError(Attempt attempt) {
        try {
            return attempt.get();
        } catch (Exception error) {
            return of(error);
        }
    }

    /** "ok", or the error of a future that gives nothing. */
    Object okOrError(KafkaFuture<Void> future) {
        return orError(() -> {
            future.get();
            return "ok";
        });
    }
}
