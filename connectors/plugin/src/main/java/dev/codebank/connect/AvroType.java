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
 * What an Avro schema is, what it is in Connect, and how its values are read. A record is a structure of its full name, an enum its
 * symbol as a text, {@code [null, T]} an optional T; {@code timestamp-millis}, {@code date}, {@code time-millis} and
 * {@code decimal} are Connect's own types, any other logical type is the type it annotates. A union of several types and a
 * record that contains itself have no counterpart and are refused.
 *
 * @param schema the Connect schema
 * @param reader reads a value of it
 * @param shape what Connect's schema does not tell, for who reads the bytes himself
 */
record AvroType(Schema schema, Reader reader, Shape shape) {
    /** Reads one value. */
    interface Reader {
        Object read(AvroInput in);
    }

    /** A field of a record, in the order in which they are written. */
    record Part(String name, AvroType type) {
    }

    /**
     * How a type is written.
     *
     * @param some of a union with null, the other type; else null
     * @param empty which branch of such a union is null
     * @param parts of a record, its fields; else null
     * @param symbols of an enum, its symbols; else null
     * @param logical the logical type, or null
     */
    record Shape(AvroType some, int empty, List<Part> parts, String[] symbols, Object logical) {
        static final Shape PLAIN = new Shape(null, -1, null, null, null);

        static Shape logical(Object logical) {
            return logical == null ? PLAIN : new Shape(null, -1, null, null, logical);
        }
    }

    private static final long MILLIS_PER_DAY = 86_400_000L;

    /**
     * Works out a schema.
     *
     * @throws DataException if it is no Avro schema, or one without a counterpart
     */
    static AvroType parse(String json) {
        Object tree;
        try {
            tree = new JsonReader(json.getBytes(StandardCharsets.UTF_8)).value();
        } catch (IOException e) {
            throw new DataException("the schema is no JSON: " + e.getMessage(), e);
        }
        try {
            return new Parser().type(tree, "", false);
        } catch (ClassCastException | NullPointerException | ArithmeticException e) {
            throw new DataException("the schema is no Avro schema", e);
        }
    }

    /** The names seen so far, while one schema is worked out. */
    private static final class Parser {
        /** A type that has a name, and the namespace it was defined in. */
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
            int empty = branches.indexOf("null");
            if (branches.size() != 2 || empty < 0) {
                throw new DataException("a union is only read when it is of null and one type");
            }
            AvroType some = type(branches.get(1 - empty), namespace, true);
            return new AvroType(some.schema, in -> in.branch() == empty ? null : some.reader.read(in),
                new Shape(some, empty, null, null, null));
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
                throw new DataException("a fixed of " + size + " bytes");
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

        /** Notes a definition under its name and returns the full one. */
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
            case "float" -> of(SchemaBuilder.float32(), AvroInput::single, optional, null);
            case "double" -> of(SchemaBuilder.float64(), AvroInput::twice, optional, null);
            case "string" -> of(SchemaBuilder.string(), AvroInput::text, optional, logical);
            case "bytes" -> bytes(json, AvroInput::byteString, optional);
            default -> throw new DataException("a type that is not read: " + name);
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
                throw new DataException("a decimal without digits");
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
