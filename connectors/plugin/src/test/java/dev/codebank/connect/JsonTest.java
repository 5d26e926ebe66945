package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JsonTest {
    private static final ObjectMapper JACKSON = new ObjectMapper();

    @Test
    void everyTypeHasAJsonForm() {
        Schema inner = SchemaBuilder.struct().field("a", Schema.INT8_SCHEMA).optional().build();
        Schema schema = SchemaBuilder.struct()
            .field("int", Schema.INT32_SCHEMA).field("long", Schema.INT64_SCHEMA)
            .field("float", Schema.FLOAT32_SCHEMA).field("double", Schema.FLOAT64_SCHEMA)
            .field("bool", Schema.BOOLEAN_SCHEMA).field("text", Schema.STRING_SCHEMA)
            .field("absent", Schema.OPTIONAL_STRING_SCHEMA).field("bytes", Schema.BYTES_SCHEMA)
            .field("at", Timestamp.SCHEMA).field("day", Date.SCHEMA).field("time", Time.SCHEMA)
            .field("decimal", Decimal.schema(2))
            .field("list", SchemaBuilder.array(Schema.OPTIONAL_INT32_SCHEMA))
            .field("map", SchemaBuilder.map(Schema.STRING_SCHEMA, Schema.OPTIONAL_STRING_SCHEMA))
            .field("inner", inner).build();
        Struct value = new Struct(schema)
            .put("int", -7).put("long", Long.MIN_VALUE).put("float", 0.1f).put("double", 1e300).put("bool", true)
            .put("text", "a\"\\\n\u0000é€😀").put("bytes", ByteBuffer.wrap(new byte[] {1, 2, 3}))
            .put("at", new java.util.Date(1_795_256_130_005L)).put("day", new java.util.Date(86_400_000L))
            .put("time", new java.util.Date(3_723_004L)).put("decimal", new BigDecimal("12.50"))
            .put("list", Arrays.asList(1, null, 3)).put("map", map("k", "v", "n", null))
            .put("inner", new Struct(inner).put("a", (byte) 1));

        assertEquals("{\"int\":-7,\"long\":-9223372036854775808,\"float\":0.1,\"double\":1.0E300,\"bool\":true,"
            + "\"text\":\"a\\\"\\\\\\n\\u0000é€😀\",\"bytes\":\"AQID\",\"at\":\"2026-11-21T10:15:30.005Z\","
            + "\"day\":\"1970-01-02\",\"time\":\"01:02:03.004\",\"decimal\":12.50,\"list\":[1,null,3],"
            + "\"map\":{\"k\":\"v\"},\"inner\":{\"a\":1}}", write(schema, value));
    }

    @Test
    void valuesWithoutASchemaHaveTheSameForms() {
        assertEquals("{\"a\":1,\"b\":[true,null,\"x\",1.5,0.1],\"c\":{\"1\":\"2026-11-21T10:15:30.005Z\"},\"d\":1.20,\"e\":\"AQ==\"}",
            write(null, map("a", 1, "b", Arrays.asList(true, null, "x", 1.5, 0.1f),
                "c", map(1, new java.util.Date(1_795_256_130_005L), 2, null), "d", new BigDecimal("1.20"),
                "e", new byte[] {1})));
    }

    @Test
    void aValueWithoutAJsonFormIsRefused() {
        assertThrows(DataException.class, () -> write(Schema.FLOAT64_SCHEMA, Double.NaN));
        assertThrows(DataException.class, () -> write(Schema.FLOAT32_SCHEMA, Float.POSITIVE_INFINITY));
        assertThrows(DataException.class, () -> write(null, new Object()));
        assertThrows(DataException.class, () -> write(null, map(List.of(), 1)));
        assertThrows(DataException.class, () -> write(Timestamp.SCHEMA, new java.util.Date(Long.MAX_VALUE)));
    }

    @Test
    void aLoneSurrogateBecomesTheReplacementCharacter() {
        assertEquals("\"\uFFFDx\uFFFD\"", write(Schema.STRING_SCHEMA, "\uD800x\uDC00"));
    }

    @Test
    void anotherParserReadsTheSameTextsAndNumbers() throws IOException {
        Random random = new Random(1);
        for (int i = 0; i < 2_000; i++) {
            String text = random.ints(random.nextInt(20), 0, 0x11000).filter(c -> c < 0xD800 || c > 0xDFFF)
                .collect(StringBuilder::new, StringBuilder::appendCodePoint, StringBuilder::append).toString();
            assertEquals(text, JACKSON.readTree(write(Schema.STRING_SCHEMA, text)).asText());
            long number = random.nextLong() >> random.nextInt(64);
            assertEquals(number, JACKSON.readTree(write(Schema.INT64_SCHEMA, number)).asLong());
        }
    }

    @Test
    void writtenJsonCanBeReadBack() throws IOException {
        JsonReader json = reader("{\"a\" : [1, -2 ,3], \"b\": {\"x\": [true, null, 1.5e-3, {}]}, \"c\": \"é\\u00e9\\n\\\"\\/😀\", \"d\": false}");
        json.beginObject();
        assertEquals("a", json.nextName());
        json.beginArray();
        int sum = 0;
        while (json.nextElement()) {
            sum = 10 * sum + json.integer();
        }
        assertEquals(83, sum);
        assertEquals("b", json.nextName());
        json.skip();
        assertEquals("c", json.nextName());
        assertEquals("éé\n\"/😀", json.stringOrNull());
        assertEquals("d", json.nextName());
        assertEquals(false, json.bool());
        assertEquals(null, json.nextName());
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":1,}", "{\"a\" 1}", "[1 2]", "[1,]", "\"abc",
        "\"\\", "\"\\u12", "\"\\x\"", "tru", "nul", "{a:1}", "]", "-x", "é"})
    void brokenJsonIsAnIoException(String text) {
        assertThrows(IOException.class, () -> {
            JsonReader json = reader(text);
            json.skip();
            if (text.startsWith("-")) {
                json.skip();
            }
        });
    }

    @Test
    void anyCutOfAResponseIsAnIoException() throws IOException {
        byte[] response = ("{\"errors\":true,\"items\":[{\"create\":{\"status\":201}},{\"create\":{\"status\":400,\"error\":"
            + "{\"type\":\"t\",\"reason\":\"r \\\"x\\\"\",\"caused_by\":{\"type\":\"u\",\"reason\":\"s\"}}}}]}")
            .getBytes(StandardCharsets.UTF_8);
        assertEquals(new BulkResponse.Item(400, "t", "r \"x\"; s"), BulkResponse.read(response, 2).items().get(1));
        for (int length = 0; length < response.length; length++) {
            byte[] cut = Arrays.copyOf(response, length);
            assertThrows(IOException.class, () -> BulkResponse.read(cut, 2));
        }
        Random random = new Random(2);
        for (int i = 0; i < 20_000; i++) {
            byte[] changed = response.clone();
            changed[random.nextInt(changed.length)] = (byte) random.nextInt();
            try {
                BulkResponse.read(changed, 2);
            } catch (IOException e) {
                assertEquals(true, e.getMessage() != null);
            }
        }
    }

    @Test
    void endlessNestingIsAnIoException() {
        assertThrows(IOException.class, () -> reader("[".repeat(100_000)).skip());
    }

    private static JsonReader reader(String text) {
        return new JsonReader(text.getBytes(StandardCharsets.UTF_8));
    }

    private static String write(Schema schema, Object value) {
        JsonBuffer json = new JsonBuffer(8);
        JsonValues.writerFor(schema).write(json, value);
        String text = new String(json.array(), 0, json.size(), StandardCharsets.UTF_8);
        try {
            JsonNode ignored = JACKSON.readTree(text);
        } catch (IOException e) {
            throw new AssertionError("not JSON: " + text, e);
        }
        return text;
    }

    private static Map<Object, Object> map(Object... pairs) {
        Map<Object, Object> map = new LinkedHashMap<>();
        for (int i = 0; i < pairs.length; i += 2) {
            map.put(pairs[i], pairs[i + 1]);
        }
        return map;
    }
}
