package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.apache.kafka.connect.errors.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** A registry or a proxy may send any bytes. They are read or refused. */
@Timeout(60)
class ParsersTest {
    private static final int TRIES = 50_000;
    private static final String SCHEMA = """
        {"type":"record","name":"R","namespace":"n","fields":[{"name":"a","type":"string"},
        {"name":"b","type":["null",{"type":"enum","name":"E","symbols":["U","P"]}]},
        {"name":"c","type":{"type":"fixed","name":"F","size":3}},{"name":"d","type":{"type":"array","items":"E"}},
        {"name":"e","type":{"type":"map","values":["null","long"]}},
        {"name":"f","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
        {"name":"g","type":{"type":"record","name":"S","fields":[{"name":"h","type":{"type":"int","logicalType":"date"}}]}}]}""";
    /** The parts of a broken schema: JSON's own signs, and values of other types. */
    private static final String[] PIECES = {
        "\"string\"", "\"null\"", "\"R\"", "\"n.E\"", "null", "true", "-1", "9223372036854775808", "0.5", "1e999", "[]", "{}",
        "[\"null\"]", "[1,2]", "{\"type\":\"R\"}", "{\"type\":\"record\"}", "\"\"", "\"\\u0000\"",
    };

    @Test
    void aBrokenSchemaIsRefusedOrItsValuesAreReadOrRefused() {
        Random random = new Random(20261121);
        byte[] value = new byte[64];
        for (int i = 0; i < TRIES; i++) {
            String schema = broken(random);
            try {
                AvroType type = AvroType.parse(schema);
                random.nextBytes(value);
                type.reader().read(new AvroInput(value, 0));
            } catch (DataException e) {
                assertNotNull(e.getMessage());
            } catch (RuntimeException e) {
                throw new AssertionError("try " + i + ": " + schema, e);
            }
        }
    }

    /** Changes a byte, or replaces a value by a piece, a few times. */
    private static String broken(Random random) {
        String schema = SCHEMA;
        for (int times = 1 + random.nextInt(3); times > 0; times--) {
            int at = random.nextInt(schema.length());
            if (random.nextBoolean()) {
                schema = schema.substring(0, at) + (char) random.nextInt(128) + schema.substring(at + 1);
                continue;
            }
            int from = schema.indexOf(':', at) + 1;
            int to = from;
            for (int depth = 0; to < schema.length(); to++) {
                char sign = schema.charAt(to);
                depth += sign == '[' || sign == '{' ? 1 : 0;
                if (depth == 0 && ",}]".indexOf(sign) >= 0) {
                    break;
                }
                depth -= sign == ']' || sign == '}' ? 1 : 0;
            }
            schema = schema.substring(0, from) + PIECES[random.nextInt(PIECES.length)] + schema.substring(to);
        }
        return schema;
    }

    @Test
    void aFailureOfAWholeRequestHasAtLeastItsStatus() {
        byte[] response = "{\"error\":{\"type\":\"t\",\"reason\":\"r\",\"caused_by\":{\"reason\":\"s\"}},\"status\":400}"
            .getBytes(StandardCharsets.UTF_8);
        Random random = new Random(20261121);
        for (int i = 0; i < TRIES; i++) {
            byte[] changed = response.clone();
            for (int times = 1 + random.nextInt(4); times > 0; times--) {
                changed[random.nextInt(changed.length)] = (byte) random.nextInt();
            }
            assertEquals(503, BulkResponse.failure(503, changed).status());
        }
    }
}
