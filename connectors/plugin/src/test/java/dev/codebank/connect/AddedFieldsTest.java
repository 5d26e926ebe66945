package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.Map;
import org.apache.kafka.connect.errors.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The time that an event took. The other fields are tested with the task. */
class AddedFieldsTest {
    private static final String OCCURRED_AT = "2026-11-21T10:15:30.123Z";

    @ParameterizedTest
    @CsvSource({
        "2026-11-21T10:15:30.123Z, 0", "2026-11-21T10:15:31.124Z, 1001", "2026-12-21T10:15:30.123Z, 2592000000",
        "2026-11-21T10:15:30.122Z, 0", "1970-01-01T00:00:00Z, 0"})
    void theTimeTakenUsesTheClockAndIsNeverNegative(String now, long taken) {
        String document = render(now, OCCURRED_AT);
        assertTrue(document.endsWith(",\"pipeline_millis\":" + taken + "}\n"), document);
    }

    @Test
    void anEventWithoutATimeIsRefused() {
        assertThrows(DataException.class, () -> render(OCCURRED_AT, null));
    }

    private static String render(String now, String occurredAt) {
        DocumentRenderer renderer = new DocumentRenderer(new ElasticsearchSinkConfig(Map.of(
            "connection.url", "http://127.0.0.1:1", "index.name.format", "i", "index.timestamp.field", "occurred_at",
            "document.id.field", "event_id", "pipeline.millis.field", "pipeline_millis")), null,
            () -> Instant.parse(now).toEpochMilli());
        JsonBuffer json = new JsonBuffer(1);
        renderer.render(Events.record(1, Events.event("a:1", occurredAt)), json);
        return new String(json.array(), 0, json.size(), StandardCharsets.UTF_8);
    }
}
