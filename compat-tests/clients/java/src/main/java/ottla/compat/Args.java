package ottla.compat;

import java.util.HashMap;
import java.util.Map;

/** The command line: one command, then {@code --name value} pairs; {@code --idempotent} stands alone. */
record Args(String command, Map<String, String> values) {
    static Args parse(String[] words) {
        Map<String, String> values = new HashMap<>();
        for (int at = 1; at < words.length; at++) {
            String name = words[at].replaceFirst("^--", "");
            values.put(name, name.equals("idempotent") ? "true" : words[++at]);
        }
        return new Args(words[0], values);
    }

    String need(String name) {
        String value = values.get(name);
        if (value == null) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return value;
    }

    String or(String name, String fallback) {
        return values.getOrDefault(name, fallback);
    }

    int number(String name, int fallback) {
        return Integer.parseInt(or(name, Integer.toString(fallback)));
    }
}
