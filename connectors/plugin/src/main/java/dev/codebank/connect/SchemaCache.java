package dev.codebank.connect;

import java.util.LinkedHashMap;
import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.connect.data.Schema;

/**
 * What has been worked out for a schema, kept for the next record that has it. Bounded, and not safe for concurrent use:
 * a task and its transformations run on one thread.
 */
final class SchemaCache<T> {
    private static final int LIMIT = 64;

    private final Function<Schema, T> make;
    private final Map<Schema, T> known = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Schema, T> eldest) {
            return size() > LIMIT;
        }
    };
    private Schema latest;
    private T latestResult;

    SchemaCache(Function<Schema, T> make) {
        this.make = make;
    }

    /** Returns what was made for an equal schema before, or makes it. */
    T get(Schema schema) {
        // Converters hand out one instance per schema, so nearly every call ends here, without hashing a whole schema.
        if (schema == latest) {
            return latestResult;
        }
        T result = known.get(schema);
        if (result == null) {
            result = make.apply(schema);
            known.put(schema, result);
        }
        latest = schema;
        latestResult = result;
        return result;
    }
}
