package dev.codebank.connect;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpRequest;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
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
 * Schemas by their id, from a registry with Confluent's API. The schema of an id never changes, so a known schema stays
 * valid. A registry may be empty or the wrong one. So a value that is an event of ours waits for its schema, also if
 * the registry says that the schema does not exist. A registry that has just started may not have read its own schemas
 * yet, and denies them. So nobody believes it before it has answered for a while, or serves what it had before. Not safe
 * for concurrent use.
 */
final class SchemaRegistry implements AutoCloseable {
    private static final Logger LOG = LoggerFactory.getLogger(SchemaRegistry.class);
    private static final int MAX_SCHEMAS = 1_000;
    /** The registry's error code for an id that it never assigned. */
    private static final String NO_SUCH_SCHEMA = "40403";

    static final String URLS = "schema.registry.url";
    static final String USER_INFO = "basic.auth.user.info";
    static final String CONNECTION_TIMEOUT_MS = "http.connect.timeout.ms";
    static final String READ_TIMEOUT_MS = "http.read.timeout.ms";
    static final String SETTLING_MS = "schema.registry.settling.ms";

    private static final int FRAME_BYTES = 5;
    /** How long an answer holds that a schema does not exist, so that many records need one request. */
    private static final long UNKNOWN_NANOS = 1_000_000_000L;

    /** A node that was not asked for longer may have been started anew since. It is more than the longest pause between two tries. */
    private static final long UNSEEN_NANOS = 11_000_000_000L;

    /** Since when, and when last, a node answered each request. */
    private record Answering(long since, long last) {
    }

    /** The registry's answer that it has no schema with an id, and when it came. */
    private record Unknown(long at, String problem) {
    }

    private final HttpNodes nodes;
    private final BankEvents events;
    private final Map<Integer, AvroType> known = new BoundedCache<>(MAX_SCHEMAS);
    private final Map<Integer, Unknown> unknown = new BoundedCache<>(MAX_SCHEMAS);
    private final Map<URI, Answering> answering = new HashMap<>();
    private final long settlingNanos;

    /**
     * Creates the registry that the settings of {@link #define} describe.
     *
     * @param events what the values should be
     */
    SchemaRegistry(AbstractConfig config, BankEvents events) {
        this.events = events;
        settlingNanos = TimeUnit.MILLISECONDS.toNanos(config.getInt(SETTLING_MS));
        Password userInfo = config.getPassword(USER_INFO);
        nodes = new HttpNodes(HttpAddresses.parse(config.getList(URLS)),
            Duration.ofMillis(config.getInt(CONNECTION_TIMEOUT_MS)), Duration.ofMillis(config.getInt(READ_TIMEOUT_MS)),
            userInfo == null || userInfo.value().isEmpty() ? null : userInfo.value());
    }

    /**
     * Adds the settings of the registry.
     *
     * @param required whether the sink needs a registry
     */
    static ConfigDef define(ConfigDef definition, boolean required) {
        ConfigDef.Validator validator = required ? HttpAddresses.VALIDATOR : (key, value) -> {
            if (value != null) {
                HttpAddresses.VALIDATOR.ensureValid(key, value);
            }
        };
        return definition
            .define(URLS, Type.LIST, required ? ConfigDef.NO_DEFAULT_VALUE : null, validator, Importance.HIGH,
                "The nodes of the registry, separated by commas, each with the path at which its Confluent API starts.")
            .define(USER_INFO, Type.PASSWORD, null, Importance.MEDIUM,
                "The credentials, as user:password. If unset, no credentials are sent.")
            .define(CONNECTION_TIMEOUT_MS, Type.INT, 3_000, Range.atLeast(1), Importance.LOW,
                "The longest wait for a connection to the registry, in milliseconds.")
            .define(READ_TIMEOUT_MS, Type.INT, 10_000, Range.atLeast(1), Importance.LOW,
                "The longest wait for a complete response of the registry, in milliseconds.")
            .define(SETTLING_MS, Type.INT, 10_000, Range.atLeast(0), Importance.LOW,
                "How long a node of the registry must have answered before its word counts that a schema does not exist, in"
                    + " milliseconds. Until then the records of that schema wait.");
    }

    /**
     * Returns the schema id in the frame of a value.
     *
     * @throws DataException if the value has no frame
     */
    static int idOf(byte[] value) {
        if (!isFrame(value)) {
            throw new DataException("not a value in the registry's frame: a zero byte and four bytes of the schema id");
        }
        return ByteBuffer.wrap(value).getInt(1);
    }

    /** Returns whether a value has the registry's frame, with an id that a registry can assign. */
    static boolean isFrame(byte[] value) {
        return value.length >= FRAME_BYTES && value[0] == 0 && value[1] >= 0;
    }

    /** Starts to read the content of the frame. */
    static void begin(AvroInput in, byte[] value) {
        in.begin(value, FRAME_BYTES);
    }

    /**
     * Returns the type of an id.
     *
     * @throws UnknownSchemaException if the registry says that the id does not exist
     * @throws DataException if the schema cannot be read
     * @throws RetriableException if the registry could not be reached, or did not say either
     */
    AvroType byId(int id) {
        AvroType type = known.get(id);
        if (type == null) {
            type = AvroType.parse(fetch(id));
            known.put(id, type);
        }
        return type;
    }

    /**
     * Returns why a value cannot be a row or a document: the given reason, or a {@link WaitingException} if the value is
     * an event of ours. An event that does not fit the schema of its id means that the registry is the wrong one.
     *
     * @param cause the reason that the registry, the schema or the bytes gave
     */
    DataException reason(Object value, DataException cause) {
        if (cause instanceof UnknownSchemaException) {
            return events.mayBe(value) ? new WaitingException(cause.getMessage()
                + ", but the value is an event of the bank: the registry is empty or the wrong one, see " + URLS, cause)
                : new DataException(cause.getMessage() + ", and the value is no event of the bank", cause);
        }
        if (!events.is(value)) {
            return cause;
        }
        int id = idOf((byte[]) value);
        known.remove(id);
        return new WaitingException("the registry's schema " + id + " does not fit the value, which is an event of the bank: the"
            + " registry is the wrong one, see " + URLS + ", or the target has changed (" + cause.getMessage() + ")", cause);
    }

    /** Closes idle connections. */
    @Override
    public void close() {
        nodes.close();
    }

    private String fetch(int id) {
        Unknown earlier = unknown.get(id);
        if (earlier != null && System.nanoTime() - earlier.at < UNKNOWN_NANOS) {
            throw new UnknownSchemaException(earlier.problem);
        }
        HttpNodes.Response response;
        try {
            response = nodes.send(HttpRequest.newBuilder().GET(), "/schemas/ids/" + id);
        } catch (IOException e) {
            throw unanswered(id, e.getMessage());
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw unanswered(id, "interrupted");
        }
        Map<?, ?> content = content(id, response);
        boolean denied = response.status() == 404 && NO_SUCH_SCHEMA.equals(String.valueOf(content.get("error_code")));
        if (response.status() != 200 && !denied) {
            throw unanswered(id, response.node() + " responded " + response.status());
        }
        boolean settled = settled(response.node());
        if (denied && !settled && !servesKnown()) {
            throw retryLater(id, response.node() + " does not have it, but may still be starting");
        }
        if (denied) {
            String problem = "the registry has no schema " + id;
            unknown.put(id, new Unknown(System.nanoTime(), problem));
            throw new UnknownSchemaException(problem);
        }
        return schema(id, response.node(), content);
    }

    /**
     * Returns whether the registry serves the newest schema that this task has from it. It reads its schemas back in the
     * order of their ids, so it has read all of them then, and a record without a schema delays no other.
     */
    private boolean servesKnown() {
        if (known.isEmpty()) {
            return false;
        }
        try {
            return nodes.send(HttpRequest.newBuilder().GET(), "/schemas/ids/" + Collections.max(known.keySet())).status() == 200;
        } catch (IOException e) {
            return false;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    private String schema(int id, URI node, Map<?, ?> content) {
        if (content.get("schema") instanceof String schema) {
            if (content.get("schemaType") instanceof String type && !type.equals("AVRO")) {
                throw new DataException("schema " + id + " is not Avro but " + type);
            }
            if (content.get("references") instanceof List<?> references && !references.isEmpty()) {
                throw new DataException("schema " + id + " refers to other schemas, which is not supported");
            }
            return schema;
        }
        throw unanswered(id, node + " responded 200 without a schema");
    }

    /** Returns whether a node has answered for long enough to be believed. */
    private boolean settled(URI node) {
        long now = System.nanoTime();
        Answering earlier = answering.get(node);
        boolean seen = earlier != null && now - earlier.last < UNSEEN_NANOS;
        Answering current = new Answering(seen ? earlier.since : now, now);
        answering.put(node, current);
        return now - current.since >= settlingNanos;
    }

    private Map<?, ?> content(int id, HttpNodes.Response response) {
        try {
            return new JsonReader(response.body()).value() instanceof Map<?, ?> map ? map : Map.of();
        } catch (IOException e) {
            throw unanswered(id, response.node() + " responded " + response.status() + " with a body that is not JSON ("
                + new String(response.body(), 0, Math.min(response.body().length, 40), StandardCharsets.ISO_8859_1) + " …)");
        }
    }

    /** A failure does not always name its node, so all nodes have to settle again. */
    private RetriableException unanswered(int id, String problem) {
        answering.clear();
        return retryLater(id, problem);
    }

    private static RetriableException retryLater(int id, String problem) {
        // Connect retries without a message, so the log has one.
        LOG.warn("cannot fetch schema {}, so its records wait: {}", id, problem);
        return new RetriableException("cannot fetch schema " + id + ": " + problem);
    }
}
