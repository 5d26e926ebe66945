package dev.codebank.connect;

import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Function;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/**
 * An Avro schema, its counterpart in Connect, and the reader of its values.
 *
 * <p>A record is a structure with the record's full name. An enum is the text of its symbol. {@code [null, T]} is an
 * optional T. {@code timestamp-millis}, {@code date}, {@code time-millis} and {@code decimal} are Connect's own types.
 * Any other logical type is the type that it annotates. A union of several types, and a record that contains itself,
 * have no counterpart and are refused.
 *
 * @param schema the Connect schema
 * @param reader reads a value of the schema
 * @param shape the facts that Connect's schema does not have, for code that reads the bytes itself
 */
record AvroType(Schema schema, Reader reader, Shape shape) {
    /** Reads one value. */
    interface Reader {
        Object read(AvroInput in);
    }

    /** A field of a record. Fields are in the order in which they are written. */
    record Part(String name, AvroType type) {
    }

    /**
     * How a type is written.
     *
     * @param nonNull the other type of a union with null, or null
     * @param nullBranch the number of the null branch of such a union
     * @param parts the fields of a record, or null
     * @param symbols the symbols of an enum, or null
     * @param logical the logical type, or null
     */
    record Shape(AvroType nonNull, int nullBranch, List<Part> parts, String[] symbols, Object logical) {
        static final Shape PLAIN = new Shape(null, -1, null, null, null);

        static Shape logical(Object logical) {
            return logical == null ? PLAIN : new Shape(null, -1, null, null, logical);
        }
    }

    private static final long MILLIS_PER_DAY = 86_400_000L;

    /**
     * Parses a schema.
     *
     * @throws DataException if it is not an Avro schema, or has no counterpart in Connect
     */
    static AvroType parse(String json) {
        Object tree;
        try {
            tree = new JsonReader(json.getBytes(StandardCharsets.UTF_8)).value();
        } catch (IOException e) {
            throw new DataException("the schema is not JSON: " + e.getMessage(), e);
        }
        try {
            return new Parser().type(tree, "", false);
        } catch (ClassCastException | NullPointerException | ArithmeticException e) {
            throw new DataException("the schema is not an Avro schema", e);
        }
    }

    /** Parses one schema and keeps the names that it has defined so far. */
    private static final class Parser {
        /** A named type, and the namespace in which it was defined. */
        private record Named(Map<?, ?> definition, String namespace) {
        }

        private final Map<String, Named> named = new HashMap<>();
        private final Set<String> open = new HashSet<>();

        AvroType type(Object json, String namespace, boolean optional) {
            if (json instanceof List<?> union) {
                return union(union, namespace);
            }
            if (json instanceof String name) {
                Named known = named.get(fullName(name, namespace));
                return known == null ? primitive(name, Map.of(), optional)
                    : complex(known.definition, known.namespace, optional);
            }
            return complex((Map<?, ?>) json, namespace, optional);
        }

        private AvroType union(List<?> branches, String namespace) {
            int nullBranch = branches.indexOf("null");
            if (branches.size() != 2 || nullBranch < 0) {
                throw new DataException("a union must have null and one other type");
            }
            AvroType nonNull = type(branches.get(1 - nullBranch), namespace, true);
            return new AvroType(nonNull.schema, in -> in.branch() == nullBranch ? null : nonNull.reader.read(in),
                new Shape(nonNull, nullBranch, null, null, null));
        }

        private AvroType complex(Map<?, ?> json, String namespace, boolean optional) {
            if (!(json.get("type") instanceof String type)) {
                return type(json.get("type"), namespace, optional);
            }
            return switch (type) {
                case "record", "error" -> record(json, namespace, optional);
                case "enum" -> enumeration(json, namespace, optional);
                case "fixed" -> fixed(json, namespace, optional);
                case "array" -> array(json, namespace, optional);
                case "map" -> map(json, namespace, optional);
                default -> named.containsKey(fullName(type, namespace)) ? type(type, namespace, optional)
                    : primitive(type, json, optional);
            };
        }

        private AvroType record(Map<?, ?> json, String namespace, boolean optional) {
            String name = define(json, namespace);
            if (!open.add(name)) {
                throw new DataException("record " + name + " contains itself");
            }
            String inner = name.contains(".") ? name.substring(0, name.lastIndexOf('.')) : "";
            SchemaBuilder builder = SchemaBuilder.struct().name(name);
            List<Part> parts = new ArrayList<>();
            for (Object each : (List<?>) json.get("fields")) {
                Map<?, ?> field = (Map<?, ?>) each;
                AvroType type = type(field.get("type"), inner, false);
                builder.field((String) field.get("name"), type.schema);
                parts.add(new Part((String) field.get("name"), type));
            }
            open.remove(name);
            Schema schema = built(builder, optional);
            Field[] fields = schema.fields().toArray(new Field[0]);
            Reader[] readers = parts.stream().map(part -> part.type.reader).toArray(Reader[]::new);
            return new AvroType(schema, in -> {
                Struct struct = new Struct(schema);
                for (int i = 0; i < readers.length; i++) {
                    struct.put(fields[i], readers[i].read(in));
                }
                return struct;
            }, new Shape(null, -1, List.copyOf(parts), null, null));
        }

        private AvroType enumeration(Map<?, ?> json, String namespace, boolean optional) {
            define(json, namespace);
            String[] symbols = ((List<?>) json.get("symbols")).stream().map(String.class::cast).toArray(String[]::new);
            return new AvroType(built(SchemaBuilder.string(), optional), in -> symbols[in.symbol(symbols.length)],
                new Shape(null, -1, null, symbols, null));
        }

        private AvroType fixed(Map<?, ?> json, String namespace, boolean optional) {
            define(json, namespace);
            int size = ((BigDecimal) json.get("size")).intValueExact();
            if (size < 0) {
                throw new DataException("a fixed type has the size " + size);
            }
            return bytes(json, in -> in.fixed(size), optional);
        }

        private AvroType array(Map<?, ?> json, String namespace, boolean optional) {
            AvroType element = type(json.get("items"), namespace, false);
            return new AvroType(built(SchemaBuilder.array(element.schema), optional), in -> {
                List<Object> values = new ArrayList<>();
                for (int count = in.blockCount(); count > 0; count = in.blockCount()) {
                    for (int i = 0; i < count; i++) {
                        values.add(element.reader.read(in));
                    }
                }
                return values;
            }, Shape.PLAIN);
        }

        private AvroType map(Map<?, ?> json, String namespace, boolean optional) {
            AvroType value = type(json.get("values"), namespace, false);
            return new AvroType(built(SchemaBuilder.map(Schema.STRING_SCHEMA, value.schema), optional), in -> {
                Map<String, Object> values = new LinkedHashMap<>();
                for (int count = in.blockCount(); count > 0; count = in.blockCount()) {
                    for (int i = 0; i < count; i++) {
                        values.put(in.text(), value.reader.read(in));
                    }
                }
                return values;
            }, Shape.PLAIN);
        }

        /** Stores a definition under its name and returns the full name. */
        private String define(Map<?, ?> json, String namespace) {
            String space = json.get("namespace") instanceof String own ? own : namespace;
            String name = fullName((String) json.get("name"), space);
            named.put(name, new Named(json, namespace));
            return name;
        }

        private static String fullName(String name, String namespace) {
            return name.contains(".") || namespace.isEmpty() ? name : namespace + "." + name;
        }
    }

    private static AvroType primitive(String name, Map<?, ?> json, boolean optional) {
        Object logical = json.get("logicalType");
        return switch (name) {
            case "boolean" -> of(SchemaBuilder.bool(), AvroInput::bool, optional, null);
            case "int" -> integer(logical, optional);
            case "long" -> "timestamp-millis".equals(logical)
                ? of(Timestamp.builder(), in -> new java.util.Date(in.longInteger()), optional, logical)
                : of(SchemaBuilder.int64(), AvroInput::longInteger, optional, logical);
            case "float" -> of(SchemaBuilder.float32(), AvroInput::float32, optional, null);
            case "double" -> of(SchemaBuilder.float64(), AvroInput::float64, optional, null);
            case "string" -> of(SchemaBuilder.string(), AvroInput::text, optional, logical);
            case "bytes" -> bytes(json, AvroInput::byteString, optional);
            default -> throw new DataException("unknown type: " + name);
        };
    }

    private static AvroType integer(Object logical, boolean optional) {
        if ("date".equals(logical)) {
            return of(Date.builder(), in -> new java.util.Date(in.integer() * MILLIS_PER_DAY), optional, logical);
        }
        if ("time-millis".equals(logical)) {
            return of(Time.builder(), in -> new java.util.Date(in.integer()), optional, logical);
        }
        return of(SchemaBuilder.int32(), AvroInput::integer, optional, logical);
    }

    private static AvroType bytes(Map<?, ?> json, Function<AvroInput, byte[]> read, boolean optional) {
        if (!"decimal".equals(json.get("logicalType"))) {
            return of(SchemaBuilder.bytes(), read::apply, optional, null);
        }
        int scale = json.get("scale") instanceof BigDecimal given ? given.intValueExact() : 0;
        return of(Decimal.builder(scale), in -> {
            byte[] unscaled = read.apply(in);
            if (unscaled.length == 0) {
                throw new DataException("a decimal has no digits");
            }
            return new BigDecimal(new BigInteger(unscaled), scale);
        }, optional, "decimal");
    }

    private static AvroType of(SchemaBuilder builder, Reader reader, boolean optional, Object logical) {
        return new AvroType(built(builder, optional), reader, Shape.logical(logical));
    }

    private static Schema built(SchemaBuilder builder, boolean optional) {
        return optional ? builder.optional().build() : builder.build();
    }
}
