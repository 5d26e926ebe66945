package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.connect.errors.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class CopyPlanTest {
    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "\"string\"                                             | text        | 0a68c3a96c6f   | 68c3a96c6f",
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\",\"BB\"]} | varchar | 02         | 4242",
        "\"string\"                                             | uuid | 4830313233343536372d383961622d636465662d303132332d343536373839616263646566"
            + " | 0123456789abcdef0123456789abcdef",
        "\"long\"                                               | int8        | 01             | ffffffffffffffff",
        "\"int\"                                                | int8        | 04             | 0000000000000002",
        "\"long\"                                               | int4        | 04             | 00000002",
        "\"int\"                                                | int2        | 03             | fffe",
        "\"float\"                                              | float4      | 0000c03f       | 3fc00000",
        "\"float\"                                              | float8      | 0000c03f       | 3ff8000000000000",
        "\"double\"                                             | float8      | 000000000000f83f | 3ff8000000000000",
        "\"boolean\"                                            | bool        | 01             | 01",
        "\"bytes\"                                              | bytea       | 04cafe         | cafe",
        "{\"type\":\"fixed\",\"name\":\"F\",\"size\":2}         | bytea       | cafe           | cafe",
        "{\"type\":\"int\",\"logicalType\":\"date\"}            | date        | 9cab01         | 00000001",
        "{\"type\":\"long\",\"logicalType\":\"timestamp-micros\"} | timestamptz | 00           | fffca2fec4c82000",
        "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"} | timestamp | 00             | fffca2fec4c82000",
        "[\"null\",\"long\"]                                    | int8        | 0204           | 0000000000000002",
        "[\"long\",\"null\"]                                    | int8        | 0004           | 0000000000000002",
    })
    void aFieldIsConvertedForItsColumn(String type, String column, String avro, String binary) {
        String field = binary.strip();
        assertEquals("0001" + HexFormat.of().toHexDigits(field.length() / 2) + field,
            encode(plan("[{\"name\":\"f\",\"type\":" + type + "}]", column("f", column, true)), avro));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "\"string\" | int8", "\"long\" | text", "\"double\" | float4", "\"long\" | timestamp", "\"int\" | bool",
        "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"} | int8", "\"int\" | date", "\"string\" | bytea",
        "{\"type\":\"enum\",\"name\":\"E\",\"symbols\":[\"A\"]} | uuid", "{\"type\":\"array\",\"items\":\"long\"} | text",
        "{\"type\":\"bytes\",\"logicalType\":\"decimal\",\"precision\":9,\"scale\":2} | bytea",
    })
    void aTypeThatDoesNotFitTheColumnIsRefused(String type, String column) {
        assertThrows(DataException.class,
            () -> plan("[{\"name\":\"f\",\"type\":" + type + "}]", column("f", column, false)));
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "\"long\" | int4 | 80808080808001", "\"long\" | int2 | 8080808001", "\"string\" | uuid | 0478797a",
        "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"} | timestamp | feffffffffffffffff01",
    })
    void aValueThatDoesNotFitTheColumnIsRefusedAndLeavesTheBufferUnchanged(String type, String column, String avro) {
        CopyPlan plan = plan("[{\"name\":\"f\",\"type\":" + type + "}]", column("f", column, true));
        CopyBuffer out = new CopyBuffer(1);
        assertThrows(DataException.class, () -> plan.encode(framed(avro), out));
        assertEquals(0, out.size());
    }

    @Test
    void fieldsWithoutAColumnAreSkipped() {
        CopyPlan plan = plan("""
            [{"name": "more", "type": {"type": "array", "items": "string"}}, {"name": "b", "type": "int"},
             {"name": "text", "type": ["null", "string"]}, {"name": "a", "type": "int"},
             {"name": "inner", "type": {"type": "record", "name": "I", "fields": [{"name": "x", "type": "double"}]}}]""",
            column("a", "int4", true), column("odd \"name", "int4", false), column("b", "int4", true));
        assertEquals("\"b\", \"a\"", plan.columns(), "in the order in which they are written; the table fills the others");
        assertEquals("0002" + "00000004" + "00000001" + "00000004" + "00000002",
            encode(plan, "0202" + "7800" + "02" + "0202" + "79" + "04" + "0000000000000000"));
    }

    @Test
    void aNullNeedsANullableColumn() {
        String fields = "[{\"name\":\"f\",\"type\":[\"null\",\"long\"]}]";
        assertEquals("0001ffffffff", encode(plan(fields, column("f", "int8", false)), "00"));
        CopyPlan required = plan(fields, column("f", "int8", true));
        DataException refused = assertThrows(DataException.class, () -> required.encode(framed("00"), new CopyBuffer(1)));
        assertTrue(refused.getMessage().contains("field f is null"), refused.getMessage());
    }

    @Test
    void aNotNullColumnNeedsAFieldOrADefault() {
        String fields = "[{\"name\":\"f\",\"type\":\"long\"}]";
        assertThrows(DataException.class, () -> plan(fields, column("f", "int8", true), column("g", "int8", true)));
        plan(fields, column("f", "int8", true),
            new PostgresTable.Column("g", PostgresTable.Type.INT8, "int8", true, true));
        assertThrows(DataException.class, () -> plan(fields, column("g", "int8", false)), "nothing to write");
    }

    @Test
    void bytesThatDoNotFitTheSchemaAreRefused() {
        CopyPlan plan = plan("[{\"name\":\"f\",\"type\":\"string\"}]", column("f", "text", true));
        for (String avro : List.of("", "04", "0a61", "01", "026161", "ffffffffffffffffff01")) {
            assertThrows(DataException.class, () -> plan.encode(framed(avro), new CopyBuffer(1)), avro);
        }
    }

    @Test
    void aBufferGrowsAndKeepsItsContent() {
        CopyBuffer out = new CopyBuffer(1);
        out.header();
        assertEquals("5047434f50590aff0d0a000000000000000000", hex(out), "the signature that Postgres requires");
        byte[] text = "x".repeat(1000).getBytes(StandardCharsets.US_ASCII);
        out.field(text, 0, text.length);
        out.trailer();
        assertEquals(19 + 4 + 1000 + 2, out.size());
    }

    private static PostgresTable.Column column(String name, String typeName, boolean required) {
        PostgresTable.Type type = switch (typeName) {
            case "varchar" -> PostgresTable.Type.TEXT;
            case "timestamptz" -> PostgresTable.Type.TIMESTAMP;
            default -> PostgresTable.Type.valueOf(typeName.toUpperCase(java.util.Locale.ROOT));
        };
        return new PostgresTable.Column(name, type, typeName, required, false);
    }

    private static CopyPlan plan(String fields, PostgresTable.Column... columns) {
        return new CopyPlan(AvroType.parse("{\"type\":\"record\",\"name\":\"R\",\"fields\":" + fields + "}"),
            new PostgresTable("\"t\"", Arrays.asList(columns)));
    }

    private static byte[] framed(String avro) {
        byte[] body = HexFormat.of().parseHex(avro.strip());
        return ByteBuffer.allocate(5 + body.length).put((byte) 0).putInt(1).put(body).array();
    }

    private static String encode(CopyPlan plan, String avro) {
        CopyBuffer out = new CopyBuffer(1);
        plan.encode(framed(avro), out);
        return hex(out);
    }

    private static String hex(CopyBuffer out) {
        return HexFormat.of().formatHex(out.array(), 0, out.size());
    }
}
