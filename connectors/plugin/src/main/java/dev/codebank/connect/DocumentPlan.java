package dev.codebank.connect;

import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/**
 * How events of one Avro schema become JSON. The bytes of an event are read once, in the order in which they were
 * written. No objects are created for the usual types. A field that is null is left out. A value outside its bound
 * ({@link Bounds}) is refused. Not safe for concurrent use.
 */
final class DocumentPlan {
    /** Reads one field and writes its value. The name has been written already. */
    private interface Value {
        void write(AvroInput in, JsonBuffer json);
    }

    /**
     * A field.
     *
     * @param name the bytes before its value
     * @param nullBranch the number of the null branch of its union, or -1
     */
    private record Step(byte[] name, int nullBranch, Value value, Bounds.Bound bound) {
    }

    private final AvroInput in = new AvroInput(new byte[0], 0);
    private final Step[] steps;
    private final Companions companions;
    private final int idStep;
    private final int timeStep;
    private int idStart;
    private int idEnd;
    private boolean timeKnown;
    private long time;

    /**
     * Creates a plan.
     *
     * @param bounds the bounds of the fields
     * @param id the field with the document's id, a text; null if no field has the id
     * @param time the field with the event's time; null if no time is needed
     * @throws DataException if no event of this schema can be a document
     */
    DocumentPlan(AvroType type, Bounds bounds, String id, String time) {
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
            Bounds.Bound bound = bounds.of(names.get(i));
            steps[i] = new Step(name.slice(0, name.size()), nullBranch,
                i == timeStep ? time(nonNull, bound) : value(nonNull, bound), bound);
        }
        companions = new Companions(names, bounds);
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
        write(value, json, false);
    }

    /**
     * Writes an event's fields.
     *
     * @param moreMayFollow whether the value may have further bytes, as an event of a later version has
     */
    void write(byte[] value, JsonBuffer json, boolean moreMayFollow) {
        SchemaRegistry.begin(in, value);
        int start = json.size();
        idStart = idEnd = 0;
        timeKnown = false;
        for (int i = 0; i < steps.length; i++) {
            Step step = steps[i];
            if (step.nullBranch >= 0 && in.branch() == step.nullBranch) {
                if (step.bound.required()) {
                    throw step.bound.isEmpty();
                }
                companions.set(i, false);
                continue;
            }
            json.raw(step.name);
            int from = json.size();
            step.value.write(in, json);
            if (i == idStep) {
                idStart = from;
                idEnd = json.size();
            }
            // An empty text counts as null.
            companions.set(i, json.size() - from != 2 || json.array()[from] != '"');
        }
        companions.check();
        if (!moreMayFollow) {
            in.end();
        }
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

    private Value time(AvroType type, Bounds.Bound bound) {
        boolean timestamp = Timestamp.LOGICAL_NAME.equals(type.schema().name());
        if (!timestamp && type.schema().type() != Schema.Type.INT64) {
            throw new DataException("field " + bound.field() + " holds no time");
        }
        Bounds.Bound range = bound.ofTime();
        return (from, json) -> {
            time = from.longInteger();
            timeKnown = true;
            range.checkNumber(time);
            if (timestamp) {
                json.instant(time);
            } else {
                json.number(time);
            }
        };
    }

    private static Value value(AvroType type, Bounds.Bound bound) {
        String[] symbols = type.shape().symbols();
        if (symbols != null) {
            byte[][] quoted = Arrays.stream(symbols).map(symbol -> ('"' + symbol + '"').getBytes(StandardCharsets.US_ASCII))
                .toArray(byte[][]::new);
            Arrays.stream(quoted).forEach(symbol -> bound.checkSize(symbol.length - 2));
            return (in, json) -> json.raw(quoted[in.symbol(quoted.length)]);
        }
        if (type.schema().name() == null) {
            switch (type.schema().type()) {
                case STRING:
                    return (in, json) -> text(in, json, bound);
                case INT64:
                    return (in, json) -> json.number(within(bound, in.longInteger()));
                case INT32:
                    return (in, json) -> json.number(within(bound, in.integer()));
                case BOOLEAN:
                    return (in, json) -> json.bool(in.bool());
                default:
                    break;
            }
        }
        if (Timestamp.LOGICAL_NAME.equals(type.schema().name())) {
            Bounds.Bound range = bound.ofTime();
            return (in, json) -> json.instant(within(range, in.longInteger()));
        }
        JsonValues.Writer writer = JsonValues.writerFor(type.schema());
        return (in, json) -> writer.write(json, type.reader().read(in));
    }

    private static long within(Bounds.Bound bound, long value) {
        bound.checkNumber(value);
        return value;
    }

    private static void text(AvroInput in, JsonBuffer json, Bounds.Bound bound) {
        int before = in.position();
        int size = in.skipBytes();
        bound.checkSize(size);
        if (!json.plain(in.array(), in.position() - size, size)) {
            in.begin(in.array(), before);
            String text = in.text();
            if (bound.isLimited() && text.indexOf('\0') >= 0) {
                throw new DataException("field " + bound.field() + " holds U+0000, which no text of a database can hold");
            }
            json.string(text);
        }
    }
}
