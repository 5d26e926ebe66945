package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.time.DateTimeException;
import java.time.Instant;
import java.util.Date;
import java.util.HashMap;
import java.util.Map;
import java.util.function.LongSupplier;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;

/**
 * Converts a record into the two lines of a bulk request that create its document. The record alone decides the index,
 * the id and everything that the document says about the event. Only the time that the event took depends on the
 * moment. Not safe for concurrent use.
 */
final class DocumentRenderer {
    private static final byte[] END_OF_DOCUMENT = "}\n".getBytes(StandardCharsets.US_ASCII);
    private static final int MAX_PLANS = 1_000;
    /** Elasticsearch refuses a whole request because of one longer id. */
    private static final int MAX_ID_BYTES = 512;

    /**
     * How documents of one schema are written: the fields of the id and the time, and the writer of the whole value.
     */
    private record Plan(Field id, Field time, JsonValues.Writer writer) {
    }

    private final IndexName index;
    private final byte[] endOfAction;
    private final String idField;
    private final String timeField;
    private final boolean keyIgnored;
    private final SchemaRegistry registry;
    private final BankEvents events;
    private final Map<Integer, DocumentPlan> framed = new HashMap<>();
    private final JsonBuffer scratch = new JsonBuffer(4096);
    private final AddedFields added;
    private final SchemaCache<Plan> plans = new SchemaCache<>(this::plan);
    private final JsonValues.Writer schemaless = JsonValues.writerFor(null);

    /**
     * Creates a renderer.
     *
     * @param registry returns the schemas of values in the registry's frame; if it is null, such values are refused
     */
    DocumentRenderer(ElasticsearchSinkConfig config, SchemaRegistry registry) {
        this(config, registry, System::currentTimeMillis);
    }

    /**
     * Creates a renderer with the given clock.
     *
     * @param clock returns the time in milliseconds since 1970
     */
    DocumentRenderer(ElasticsearchSinkConfig config, SchemaRegistry registry, LongSupplier clock) {
        this.registry = registry;
        events = config.events();
        added = new AddedFields(config, clock);
        index = config.indexName();
        idField = config.getString(ElasticsearchSinkConfig.DOCUMENT_ID_FIELD);
        timeField = config.getString(ElasticsearchSinkConfig.INDEX_TIMESTAMP_FIELD);
        endOfAction = IndexTemplate.endOfAction(config.getString(ElasticsearchSinkConfig.INDEX_TEMPLATE), idField);
        keyIgnored = config.getBoolean(ElasticsearchSinkConfig.KEY_IGNORE);
    }

    /** Returns what the documents are made of. */
    BankEvents events() {
        return events;
    }

    /**
     * Appends the record's action line and document to the buffer.
     *
     * @throws WaitingException if the record is an event of ours, and the registry does not have its schema
     * @throws DataException if the record cannot be a document: it is a tombstone or not a structure, has no id or no
     *     time, or has a value outside its bound. The buffer is then unchanged.
     */
    void render(SinkRecord record, JsonBuffer json) {
        int start = json.size();
        try {
            if (record.value() instanceof byte[] frame && registry != null) {
                renderFrame(record, frame, json);
            } else if (record.value() instanceof Struct struct) {
                renderStruct(record, struct, json);
            } else if (record.value() instanceof Map<?, ?> map) {
                renderMap(record, map, json);
            } else if (record.value() == null) {
                throw new DataException("a tombstone cannot be a document: documents are never deleted");
            } else {
                throw new DataException("only a structure or a map can be a document, not a "
                    + record.value().getClass().getSimpleName());
            }
        } catch (DataException e) {
            json.truncate(start);
            throw registry == null ? e : reason(record, e);
        } catch (ClassCastException e) {
            json.truncate(start);
            throw new DataException("the value does not fit its schema: " + e.getMessage(), e);
        }
    }

    private DataException reason(SinkRecord record, DataException cause) {
        DataException reason = registry.reason(record.value(), cause);
        if (reason instanceof WaitingException) {
            framed.clear();
        }
        return reason;
    }

    private void renderStruct(SinkRecord record, Struct struct, JsonBuffer json) {
        Plan plan = plans.get(struct.schema());
        Object id = plan.id == null ? null : struct.get(plan.id);
        Object time = plan.time == null ? null : struct.get(plan.time);
        action(record, id, time, json);
        plan.writer.write(json, struct);
        json.truncate(json.size() - 1);
        added.write(record, time, json);
        json.raw(END_OF_DOCUMENT);
    }

    private void renderMap(SinkRecord record, Map<?, ?> map, JsonBuffer json) {
        action(record, map.get(idField), map.get(timeField), json);
        schemaless.write(json, map);
        json.truncate(json.size() - 1);
        added.write(record, map.get(timeField), json);
        json.raw(END_OF_DOCUMENT);
    }

    /** The document is rendered before its action line, because the id and the time are in it. */
    private void renderFrame(SinkRecord record, byte[] frame, JsonBuffer json) {
        DocumentPlan plan = framedPlan(SchemaRegistry.idOf(frame));
        scratch.truncate(0);
        plan.write(frame, scratch);
        if (idField == null) {
            action(record, null, plan.time(), json);
        } else {
            json.raw(index.action(record.topic(), index.needsTime() ? millis(plan.time()) : 0));
            if (plan.idEnd() - plan.idStart() <= 2) {
                throw new DataException("field " + idField + " holds no id: it must be a text or a number");
            }
            checkId(plan.idEnd() - plan.idStart());
            json.raw(scratch.array(), plan.idStart(), plan.idEnd()).raw(endOfAction);
        }
        json.raw(scratch.array(), 0, scratch.size());
        added.write(record, plan.time(), json);
        json.raw(END_OF_DOCUMENT);
    }

    private DocumentPlan framedPlan(int id) {
        DocumentPlan plan = framed.get(id);
        if (plan == null) {
            plan = new DocumentPlan(registry.byId(id), events.bounds(), idField, timeField);
            if (framed.size() >= MAX_PLANS) {
                framed.clear();
            }
            framed.put(id, plan);
        }
        return plan;
    }

    private void action(SinkRecord record, Object id, Object time, JsonBuffer json) {
        json.raw(index.action(record.topic(), index.needsTime() ? millis(time) : 0));
        int start = json.size();
        json.string(id(record, id));
        checkId(json.size() - start);
        json.raw(endOfAction);
    }

    private static void checkId(int quotedBytes) {
        if (quotedBytes > MAX_ID_BYTES + 2) {
            throw new DataException("the id has more than " + MAX_ID_BYTES + " bytes");
        }
    }

    private String id(SinkRecord record, Object value) {
        if (idField == null && keyIgnored) {
            return record.topic() + "+" + record.kafkaPartition() + "+" + record.kafkaOffset();
        }
        Object id = idField == null ? record.key() : value;
        if (id instanceof String || id instanceof Number) {
            String text = id.toString();
            if (!text.isEmpty()) {
                return text;
            }
        }
        String where = idField == null ? "the record's key" : "field " + idField;
        throw new DataException(where + " holds no id: it must be a text or a number");
    }

    private long millis(Object time) {
        if (time instanceof Date date) {
            return date.getTime();
        }
        if (time instanceof Long millis) {
            return millis;
        }
        if (time instanceof String text) {
            try {
                return Instant.parse(text).toEpochMilli();
            } catch (DateTimeException | ArithmeticException e) {
                throw new DataException("field " + timeField + " holds a text that is not a time", e);
            }
        }
        throw new DataException("field " + timeField + " holds no time");
    }

    private Plan plan(Schema schema) {
        Field id = idField == null ? null : schema.field(idField);
        Field time = timeField == null ? null : schema.field(timeField);
        return new Plan(id, time, JsonValues.writerFor(schema));
    }
}
