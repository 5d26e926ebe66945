package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertDoesNotThrow;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Schema.Type;
import org.apache.kafka.connect.errors.DataException;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A value outside its bound becomes neither a row nor a document, and the error names the field. */
class BoundsTest {
    private static final String ACCOUNT = "5a1f3c1e-9d2b-4c56-8a53-0d6a5f7f2b10";
    private static final AvroType NEWEST = BankEvents.TRANSACTIONS.released().get(BankEvents.TRANSACTIONS.released().size() - 1);

    @Test
    void everyFieldOfEveryVersionHasABoundOfItsType() {
        for (AvroType version : BankEvents.TRANSACTIONS.released()) {
            for (AvroType.Part part : version.shape().parts()) {
                Bounds.Bound bound = Bounds.TRANSACTIONS.of(part.name());
                assertEquals(part.type().schema().type() == Type.STRING, bound.isLimited(), part.name());
                assertEquals(part.type().schema().type() != Type.STRING, bound.most() < Long.MAX_VALUE, part.name());
                assertEquals(!part.type().schema().isOptional(), bound.required(), part.name());
            }
        }
        assertEquals(NEWEST.shape().parts().size(), Bounds.TRANSACTIONS.all().size());
    }

    @Test
    void bothSinksTakeAValueAtItsBoundAndRefuseOneBeyond() {
        for (AvroType.Part part : NEWEST.shape().parts()) {
            AvroType type = part.type().shape().nonNull() == null ? part.type() : part.type().shape().nonNull();
            if (type.shape().symbols() != null) {
                continue;
            }
            Bounds.Bound bound = Bounds.TRANSACTIONS.of(part.name());
            List<Object> inside = new ArrayList<>();
            List<Object> outside = new ArrayList<>();
            if (bound.isLimited()) {
                inside.add("x".repeat(bound.longest()));
                outside.add("x".repeat(bound.longest() + 1));
                outside.add("€".repeat(bound.longest() / 3 + 1));
                if (bound.required()) {
                    outside.add("");
                }
            } else {
                numbers(type, bound, inside, outside);
            }
            for (Object value : inside) {
                assertDoesNotThrow(() -> row(BankEvent.with(part.name(), value)), part.name());
                assertDoesNotThrow(() -> document(BankEvent.with(part.name(), value)), part.name());
            }
            for (Object value : outside) {
                byte[] event = BankEvent.with(part.name(), value);
                for (DataException refused : List.of(assertThrows(DataException.class, () -> row(event), part.name()),
                        assertThrows(DataException.class, () -> document(event), part.name()))) {
                    assertTrue(refused.getMessage().startsWith("field " + part.name() + " "), refused.getMessage());
                }
                assertFalse(BankEvents.TRANSACTIONS.is(event), part.name());
            }
        }
    }

    private static void numbers(AvroType type, Bounds.Bound bound, List<Object> inside, List<Object> outside) {
        if (type.schema().type() == Type.INT32) {
            inside.addAll(List.of((int) bound.least(), (int) bound.most()));
            outside.add((int) bound.least() - 1);
            if (bound.most() < Integer.MAX_VALUE) {
                outside.add((int) bound.most() + 1);
            }
            return;
        }
        inside.addAll(List.of(bound.least(), bound.most()));
        outside.addAll(List.of(bound.least() - 1, bound.most() + 1, Long.MIN_VALUE, Long.MAX_VALUE));
    }

    @ParameterizedTest
    @ValueSource(strings = {"sequence", "balance_after_minor", "held_after_minor", "available_after_minor", "credit_limit_minor"})
    void anAccountComesWithItsFigures(String figure) {
        Map<String, Object> refusal = new HashMap<>();
        for (String field : List.of("account_id", "sequence", "balance_after_minor", "held_after_minor", "available_after_minor",
                "credit_limit_minor")) {
            refusal.put(field, null);
        }
        assertDoesNotThrow(() -> row(BankEvent.with(refusal)));
        assertDoesNotThrow(() -> document(BankEvent.with(refusal)));
        refusal.put(figure, 1L);
        for (byte[] event : List.of(BankEvent.with(figure, null), BankEvent.with(refusal))) {
            assertThrows(DataException.class, () -> row(event));
            assertThrows(DataException.class, () -> document(event));
        }
    }

    @Test
    void aTimeOfAFieldThatIsNotTheBanksCanBeShown() {
        AvroType type = AvroType.parse("{\"type\":\"record\",\"name\":\"R\",\"fields\":[{\"name\":\"at\",\"type\":"
            + "{\"type\":\"long\",\"logicalType\":\"timestamp-millis\"}}]}");
        CopyPlan plan = new CopyPlan(type, new PostgresTable("\"t\"",
            List.of(new PostgresTable.Column("at", PostgresTable.Type.TIMESTAMP, "timestamp", true, false))));
        assertDoesNotThrow(() -> plan.encode(varint(Bounds.FIRST_MILLI), new CopyBuffer(64)));
        assertDoesNotThrow(() -> plan.encode(varint(Bounds.LAST_MILLI), new CopyBuffer(64)));
        assertThrows(DataException.class, () -> plan.encode(varint(Bounds.FIRST_MILLI - 1), new CopyBuffer(64)));
        assertThrows(DataException.class, () -> plan.encode(varint(Bounds.LAST_MILLI + 1), new CopyBuffer(64)));
    }

    private static byte[] varint(long number) throws IOException {
        java.io.ByteArrayOutputStream out = new java.io.ByteArrayOutputStream();
        var encoder = org.apache.avro.io.EncoderFactory.get().binaryEncoder(out, null);
        encoder.writeLong(number);
        encoder.flush();
        return BankEvent.framed(1, out.toByteArray());
    }

    @Test
    void theBanksOwnEventsAreRecognizedAndNothingElse() throws IOException {
        for (int version = 1; version <= BankEvents.TRANSACTIONS.released().size(); version++) {
            byte[] event = BankEvent.golden(version);
            assertTrue(BankEvents.TRANSACTIONS.is(event));
            byte[] more = java.util.Arrays.copyOf(event, event.length + 2);
            assertFalse(BankEvents.TRANSACTIONS.is(more));
            assertTrue(BankEvents.TRANSACTIONS.mayBe(more), "a later version has more fields");
            byte[] less = java.util.Arrays.copyOf(event, event.length / 2);
            assertFalse(BankEvents.TRANSACTIONS.is(less) || BankEvents.TRANSACTIONS.mayBe(less));
            byte[] negative = event.clone();
            negative[1] = (byte) 0x80;
            assertFalse(BankEvents.TRANSACTIONS.mayBe(negative), "no registry assigns a negative id");
        }
        for (byte[] other : List.of(new byte[0], "this is not an event".getBytes(java.nio.charset.StandardCharsets.UTF_8),
                new byte[] {0, 0, 0, 0, 1}, BankEvent.with("event_id", "x".repeat(10_000)), BankEvent.with("description", "a\0b"),
                BankEvent.with("occurred_at", 253402300800000L), BankEvent.with("sequence", Long.MAX_VALUE))) {
            assertFalse(BankEvents.TRANSACTIONS.is(other) || BankEvents.TRANSACTIONS.mayBe(other));
        }
        assertFalse(BankEvents.TRANSACTIONS.mayBe("text") || BankEvents.TRANSACTIONS.mayBe(null));
        assertTrue(BankEvents.TRANSACTIONS.is(BankEvent.with("account_id", ACCOUNT)));
    }

    private static void row(byte[] event) {
        List<PostgresTable.Column> columns = NEWEST.shape().parts().stream().map(part -> {
            String type = switch (part.type().schema().type()) {
                case STRING -> "text";
                case INT64 -> part.type().schema().name() == null ? "int8" : "timestamp";
                default -> "int4";
            };
            return new PostgresTable.Column(part.name(), PostgresTable.Type.valueOf(type.toUpperCase(java.util.Locale.ROOT)), type,
                !part.type().schema().isOptional(), false);
        }).toList();
        new CopyPlan(NEWEST, new PostgresTable("\"t\"", columns)).encode(event, new CopyBuffer(2048));
    }

    private static void document(byte[] event) {
        new DocumentPlan(NEWEST, Bounds.TRANSACTIONS, "event_id", "occurred_at").write(event, new JsonBuffer(2048));
    }
}
