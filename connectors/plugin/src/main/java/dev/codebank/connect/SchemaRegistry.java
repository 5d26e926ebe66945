package dev.codebank.connect;

import java.io.IOException;
import java.net.http.HttpRequest;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Schemas by their id, from a registry with Confluent's interface. An id never changes its schema, so one that is known stays
 * known. It tells a bad record from a bad moment: only the registry's own word that there is no such schema is held against
 * the record. Not safe for concurrent use.
 */
final class SchemaRegistry implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SchemaRegistry.class);
    private static final int REMEMBERED = 1_000;
    /** The registry's code for an id it never gave out. */
    private static final String NO_SUCH_SCHEMA = "40403";

    static final String URLS = "schema.registry.url";
    static final String USER_INFO = "basic.auth.user.info";
    static final String CONNECTION_TIMEOUT_MS = "http.connect.timeout.ms";
    static final String READ_TIMEOUT_MS = "http.read.timeout.ms";

    private static final int FRAME_BYTES = 5;

    private final HttpNodes nodes;
    private final Map<Integer, AvroType> known = new LinkedHashMap<>(16, 0.75f, true) {
        private static final long serialVersionUID = 1L;

        @Override
        protected boolean removeEldestEntry(Map.Entry<Integer, AvroType> eldest) {
            return size() > REMEMBERED;
        }
    };

    SchemaRegistry(HttpNodes nodes) {
        this.nodes = nodes;
    }

    /** Makes the one that settings of {@link #define} describe. */
    SchemaRegistry(AbstractConfig config) {
        Password userInfo = config.getPassword(USER_INFO);
        nodes = new HttpNodes(HttpAddresses.parse(config.getList(URLS)),
            Duration.ofMillis(config.getInt(CONNECTION_TIMEOUT_MS)), Duration.ofMillis(config.getInt(READ_TIMEOUT_MS)),
            userInfo == null || userInfo.value().isEmpty() ? null : userInfo.value());
    }

    /**
     * Adds the settings that say where the registry is.
     *
     * @param required whether there is nothing to do without one
     */
    static ConfigDef define(ConfigDef definition, boolean required) {
        ConfigDef.Validator validator = required ? HttpAddresses.VALIDATOR : (key, value) -> {
            if (value != null) {
                HttpAddresses.VALIDATOR.ensureValid(key, value);
            }
        };
        return definition
            .define(URLS, Type.LIST, required ? ConfigDef.NO_DEFAULT_VALUE : null, validator, Importance.HIGH,
                "The nodes of the registry, separated by commas, each up to where its Confluent interface begins.")
            .define(USER_INFO, Type.PASSWORD, null, Importance.MEDIUM,
                "user:password to sign in with; unset, no credentials are sent.")
            .define(CONNECTION_TIMEOUT_MS, Type.INT, 3_000, Range.atLeast(1), Importance.LOW,
                "How long to wait for a connection to the registry, in milliseconds.")
            .define(READ_TIMEOUT_MS, Type.INT, 10_000, Range.atLeast(1), Importance.LOW,
                "How long to wait for a whole answer of the registry, in milliseconds.");
    }

    /**
     * Returns the schema's id in the frame of a value.
     *
     * @throws DataException if the value is in no frame
     */
    static int idOf(byte[] value) {
        if (value.length < FRAME_BYTES || value[0] != 0) {
            throw new DataException("not a value in the registry's frame, which begins with a zero byte and four more");
        }
        return ByteBuffer.wrap(value).getInt(1);
    }

    /** Begins to read what is in the frame. */
    static void begin(AvroInput in, byte[] value) {
        in.begin(value, FRAME_BYTES);
    }

    /**
     * Returns the type of an id.
     *
     * @throws DataException if there is no such id, or its schema is none that can be read
     * @throws RetriableException if the registry could not be asked, or gave no answer that says either
     */
    AvroType byId(int id) {
        AvroType type = known.get(id);
        if (type == null) {
            type = AvroType.parse(fetch(id));
            known.put(id, type);
        }
        return type;
    }

    /** Closes idle connections. */
    @Override
    public void close() {
        nodes.close();
    }

    private String fetch(int id) {
        HttpNodes.Answer answer;
        try {
            answer = nodes.send(HttpRequest.newBuilder().GET(), "/schemas/ids/" + id);
        } catch (IOException e) {
            throw later(id, e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw later(id, "interrupted");
        }
        Map<?, ?> content = content(id, answer);
        if (answer.status() == 200 && content.get("schema") instanceof String schema) {
            if (content.get("schemaType") instanceof String type && !type.equals("AVRO")) {
                throw new DataException("schema " + id + " is not Avro but " + type);
            }
            if (content.get("references") instanceof List<?> references && !references.isEmpty()) {
                throw new DataException("schema " + id + " refers to others, which is not read");
            }
            return schema;
        }
        if (answer.status() == 404 && NO_SUCH_SCHEMA.equals(String.valueOf(content.get("error_code")))) {
            throw new DataException("the registry has no schema " + id);
        }
        throw later(id, answer.node() + " answered " + answer.status());
    }

    private static Map<?, ?> content(int id, HttpNodes.Answer answer) {
        try {
            return new JsonReader(answer.body()).value() instanceof Map<?, ?> map ? map : Map.of();
        } catch (IOException e) {
            throw later(id, answer.node() + " answered " + answer.status() + " with something that is no JSON ("
                + new String(answer.body(), 0, Math.min(answer.body().length, 40), StandardCharsets.ISO_8859_1) + " …)");
        }
    }

    private static RetriableException later(int id, String problem) {
        // Connect retries in silence; somebody should hear of it.
        LOG.warn("cannot ask for schema {}, so its records have to wait: {}", id, problem);
        return new RetriableException("cannot ask for schema " + id + ": " + problem);
    }
}
