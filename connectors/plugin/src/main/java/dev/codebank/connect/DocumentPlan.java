package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/**
 * How events of one Avro schema become JSON. The bytes of an event are read once, in the order in which they were
 * written. No objects are created for the usual types. A field that is null is left out. Not safe for concurrent use.
 */
final class DocumentPlan {
    /** Reads one field and writes its value. The name has been written already. */
    private interface Value {
        void write(AvroInput in, JsonBuffer json);
    }

    /** A field: the bytes before its value, and the number of the null branch of its union, or -1. */
    private record Step(byte[] name, int nullBranch, Value value) {
    }

    private final AvroInput in = new AvroInput(new byte[0], 0);
    private final Step[] steps;
    private final int idStep;
    private final int timeStep;
    private int idStart;
    private int idEnd;
    private boolean timeKnown;
    private long time;

    /**
     * Creates a plan.
     *
     * @param id the field with the document's id, a text; null if no field has the id
     * @param time the field with the event's time; null if no time is needed
     * @throws DataException if no event of this schema can be a document
     */
    DocumentPlan(AvroType type, String id, String time) {
        List<AvroType.Part> parts = type.shape().parts();
        if (parts == null) {
            throw new DataException("only a record can be a document");
        }
        List<String> names = parts.stream().map(AvroType.Part::name).toList();
        idStep = id == null ? -1 : names.indexOf(id);
        timeStep = time == null ? -1 : names.indexOf(time);
        steps = new Step[parts.size()];
        for (int i = 0; i < steps.length; i++) {
            AvroType of = parts.get(i).type();
            int nullBranch = of.shape().nonNull() == null ? -1 : of.shape().nullBranch();
            AvroType nonNull = of.shape().nonNull() == null ? of : of.shape().nonNull();
            JsonBuffer name = new JsonBuffer(64).raw(',').string(names.get(i)).raw(':');
            steps[i] = new Step(name.slice(0, name.size()), nullBranch, i == timeStep ? time(nonNull, time) : value(nonNull));
        }
        if (idStep >= 0 && (parts.get(idStep).type().schema().type() != Schema.Type.STRING)) {
            throw new DataException("field " + id + " holds no id: it must be a text");
        }
    }

    /**
     * Writes an event's fields, with an opening brace before them and without a closing brace.
     *
     * @param value the event in the registry's frame
     */
    void write(byte[] value, JsonBuffer json) {
        SchemaRegistry.begin(in, value);
        int start = json.size();
        idStart = idEnd = 0;
        timeKnown = false;
        for (int i = 0; i < steps.length; i++) {
            Step step = steps[i];
            if (step.nullBranch >= 0 && in.branch() == step.nullBranch) {
                continue;
            }
            json.raw(step.name);
            int from = json.size();
            step.value.write(in, json);
            if (i == idStep) {
                idStart = from;
                idEnd = json.size();
            }
        }
        in.end();
        json.open(start);
    }

    /**
     * Returns the start of the last event's id in the buffer, quotes included. It equals {@link #idEnd} if there is no
     * id.
     */
    int idStart() {
        return idStart;
    }

    int idEnd() {
        return idEnd;
    }

    /** Returns the last event's time in milliseconds since 1970, or null. */
    Long time() {
        return timeKnown ? time : null;
    }

    private Value time(AvroType type, String name) {
        boolean timestamp = Timestamp.LOGICAL_NAME.equals(type.schema().name());
        if (!timestamp && type.schema().type() != Schema.Type.INT64) {
            throw new DataException("field " + name + " holds no time");
        }
        return (from, json) -> {
            time = from.longInteger();
            timeKnown = true;
            if (timestamp) {
                json.instant(time);
            } else {
                json.number(time);
            }
        };
    }

    private static Value value(AvroType type) {
        String[] symbols = type.shape().symbols();
        if (symbols != null) {
            byte[][] quoted = Arrays.stream(symbols).map(symbol -> ('"' + symbol + '"').getBytes(StandardCharsets.US_ASCII))
                .toArray(byte[][]::new);
            return (in, json) -> json.raw(quoted[in.symbol(quoted.length)]);
        }
        if (type.schema().name() == null) {
            switch (type.schema().type()) {
                case STRING:
                    return DocumentPlan::text;
                case INT64:
                    return (in, json) -> json.number(in.longInteger());
                case INT32:
                    return (in, json) -> json.number(in.integer());
                case BOOLEAN:
                    return (in, json) -> json.bool(in.bool());
                default:
                    break;
            }
        }
        if (Timestamp.LOGICAL_NAME.equals(type.schema().name())) {
            return (in, json) -> json.instant(in.longInteger());
        }
        JsonValues.Writer writer = JsonValues.writerFor(type.schema());
        return (in, json) -> writer.write(json, type.reader().read(in));
    }

    private static void text(AvroInput in, JsonBuffer json) {
        int before = in.position();
        int size = in.skipBytes();
        if (!json.plain(in.array(), in.position() - size, size)) {
            in.begin(in.array(), before);
            json.string(in.text());
        }
    }
}
