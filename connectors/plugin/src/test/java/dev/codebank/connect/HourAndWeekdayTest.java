package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Instant;
import java.time.ZoneOffset;
import java.util.Map;
import java.util.Random;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class HourAndWeekdayTest {
    private final HourAndWeekday.Value<SinkRecord> transformation = new HourAndWeekday.Value<>();

    HourAndWeekdayTest() {
        transformation.configure(Map.of("source.field", "occurred_at"));
    }

    @ParameterizedTest
    @CsvSource({
        "1970-01-01T00:00:00Z,      0, 4",
        "1969-12-31T23:59:59.999Z, 23, 3",
        "2026-11-23T00:00:00Z,      0, 1",
        "2026-11-22T23:59:59.999Z, 23, 7",
        "2028-02-29T12:30:00Z,     12, 2"})
    void hourAndWeekdayAreThoseOfUtc(String time, int hour, int weekday) {
        Struct value = (Struct) transformation.apply(Events.record(0, Events.event("a:1", time))).value();

        assertEquals(hour, value.getInt32("hour"));
        assertEquals(weekday, value.getInt32("weekday"));
    }

    @Test
    void theyAgreeWithTheCalendarAtAnyTime() {
        Random random = new Random(20261121);
        for (int i = 0; i < 1000; i++) {
            long millis = random.nextLong(-4_000_000_000_000L, 8_000_000_000_000L);
            var expected = Instant.ofEpochMilli(millis).atOffset(ZoneOffset.UTC);
            Map<?, ?> value = (Map<?, ?>) transformation.apply(schemaless(Map.of("occurred_at", millis))).value();
            assertEquals(expected.getHour(), value.get("hour"));
            assertEquals(expected.getDayOfWeek().getValue(), value.get("weekday"));
        }
    }

    @Test
    void everythingElseStaysAsItWas() {
        SinkRecord before = Events.record(7);
        before.headers().addString("trace", "1");

        SinkRecord after = transformation.apply(before);

        Struct old = (Struct) before.value();
        Struct value = (Struct) after.value();
        old.schema().fields().forEach(field -> assertEquals(old.get(field), value.get(field.name())));
        assertEquals(old.schema().fields().size() + 2, value.schema().fields().size());
        assertEquals(old.schema().name(), after.valueSchema().name());
        assertEquals(before.key(), after.key());
        assertEquals(before.headers(), after.headers());
        assertEquals(7, after.kafkaOffset());
        value.validate();
    }

    @Test
    void aSchemaIsWidenedOnce() {
        Schema equal = SchemaBuilder.struct().name(Events.SCHEMA.name())
            .field("occurred_at", Schema.INT64_SCHEMA).build();
        Schema again = SchemaBuilder.struct().name(Events.SCHEMA.name())
            .field("occurred_at", Schema.INT64_SCHEMA).build();

        Schema first = transformation.apply(Events.record(0)).valueSchema();
        Schema other = transformation.apply(withSchema(equal)).valueSchema();

        assertSame(first, transformation.apply(Events.record(1)).valueSchema());
        assertSame(other, transformation.apply(withSchema(again)).valueSchema());
    }

    @Test
    void aTombstonePasses() {
        SinkRecord tombstone = new SinkRecord(Events.TOPIC, 0, Schema.STRING_SCHEMA, "a", null, null, 1);
        assertSame(tombstone, transformation.apply(tombstone));
    }

    @Test
    void aRecordWithoutTheTimeIsAnErrorThatNamesTheField() {
        for (SinkRecord record : new SinkRecord[] {
            Events.record(0, Events.event("a:1", null)),
            schemaless(Map.of()),
            schemaless(Map.of("occurred_at", "yesterday")),
            withSchema(SchemaBuilder.struct().field("other", Schema.INT64_SCHEMA).build())}) {
            DataException e = assertThrows(DataException.class, () -> transformation.apply(record));
            assertTrue(e.getMessage().contains("occurred_at"), e.getMessage());
        }
        assertThrows(DataException.class,
            () -> transformation.apply(new SinkRecord(Events.TOPIC, 0, null, null, Schema.STRING_SCHEMA, "text", 0)));
    }

    @Test
    void theNamesAreConfigurable() {
        HourAndWeekday.Value<SinkRecord> other = new HourAndWeekday.Value<>();
        other.configure(Map.of("source.field", "occurred_at", "hour.field", "h", "weekday.field", "d"));

        Struct value = (Struct) other.apply(Events.record(0)).value();

        assertEquals(10, value.getInt32("h"));
        assertEquals(6, value.getInt32("d"));
        assertThrows(ConfigException.class, () -> other.configure(Map.of()));
    }

    private static SinkRecord schemaless(Map<String, ?> value) {
        return new SinkRecord(Events.TOPIC, 0, null, null, null, value, 0);
    }

    private static SinkRecord withSchema(Schema schema) {
        Struct value = new Struct(schema);
        schema.fields().forEach(field -> value.put(field, 0L));
        return new SinkRecord(Events.TOPIC, 0, null, null, schema, value, 0);
    }
}
