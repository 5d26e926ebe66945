package dev.codebank.connect;

import java.util.Map;
import java.util.function.Function;
import org.apache.kafka.connect.data.Schema;

/**
 * Keeps the result that was calculated for a schema, for later records with the same schema. The cache is bounded. It
 * is not safe for concurrent use, because a task and its transformations run on one thread.
 */
final class SchemaCache<T> {
    private static final int LIMIT = 64;

    private final Function<Schema, T> make;
    private final Map<Schema, T> known = new BoundedCache<>(LIMIT);
    private Schema latest;
    private T latestResult;

    SchemaCache(Function<Schema, T> make) {
        this.make = make;
    }

    /** Returns the result for an equal schema, and calculates it if there is none. */
    T get(Schema schema) {
        // Converters return one instance for each schema, so nearly every call ends here and hashes no schema.
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
