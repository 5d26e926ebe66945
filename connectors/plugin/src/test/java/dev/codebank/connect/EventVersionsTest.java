package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The released versions of the bank's event, as the repository holds them, and the output of both sinks for each. */
class EventVersionsTest {
    @ParameterizedTest
    @CsvSource({"1,", "2,LATER", "3,LATER"})
    void anEventOfEachVersionBecomesADocument(int version, String cardUse) throws IOException {
        DocumentPlan plan = new DocumentPlan(schema(version), Bounds.TRANSACTIONS, "event_id", "occurred_at");
        JsonBuffer json = new JsonBuffer(1);
        plan.write(BankEvent.golden(version), json);
        JsonNode document = new ObjectMapper().readTree(
            new String(json.array(), 0, json.size(), StandardCharsets.UTF_8) + "}");

        assertEquals("5a1f3c1e-9d2b-4c56-8a53-0d6a5f7f2b10:42", document.get("event_id").asText());
        assertEquals("1.0.0", document.get("producer_version").asText());
        for (String field : List.of("card_use", "risk_score", "risk_rule")) {
            assertEquals(cardUse != null, document.has(field), field);
        }
        if (cardUse != null) {
            assertEquals(cardUse, document.get("card_use").asText());
            assertEquals(60, document.get("risk_score").intValue());
            assertEquals("VELOCITY", document.get("risk_rule").asText());
        }
        assertEquals(version >= 3, document.has("account_kind"));
        if (version >= 3) {
            assertEquals("CARD", document.get("account_kind").asText());
            assertEquals(0, document.get("leg").intValue());
            assertEquals(1_767_830_400_000L, java.time.Instant.parse(document.get("hold_expires_at").asText()).toEpochMilli());
        }
    }

    @ParameterizedTest
    @CsvSource({"1,", "2,LATER", "3,LATER"})
    void anEventOfEachVersionBecomesARowOfTheNewestTable(int version, String cardUse) throws IOException {
        PostgresTable table = new PostgresTable("\"t\"", List.of(
            new PostgresTable.Column("event_id", PostgresTable.Type.TEXT, "text", true, false),
            new PostgresTable.Column("card_use", PostgresTable.Type.TEXT, "text", false, false)));
        CopyPlan plan = new CopyPlan(schema(version), table);
        CopyBuffer out = new CopyBuffer(1);
        plan.encode(BankEvent.golden(version), out);
        String row = new String(out.array(), 0, out.size(), StandardCharsets.ISO_8859_1);

        assertTrue(row.contains("5a1f3c1e-9d2b-4c56-8a53-0d6a5f7f2b10:42"), row);
        if (cardUse == null) {
            assertFalse(plan.columns().contains("card_use"), "the table fills it with null");
        } else {
            assertEquals("\"event_id\", \"card_use\"", plan.columns());
            assertTrue(row.endsWith(cardUse), row);
        }
    }

    private static AvroType schema(int version) throws IOException {
        return AvroType.parse(BankEvent.schema(version));
    }
}
