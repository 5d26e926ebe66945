package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.ByteArrayOutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.EncoderFactory;
import org.junit.jupiter.api.Test;

/** Changes of payments between banks are recognized by their own schema and bounds. */
class PixPaymentsTest {
    @Test
    void aChangeOfAPaymentIsAnEventOfItsOwnSubject() throws Exception {
        assertTrue(BankEvents.of("pix-payments").is(change(500)));
        assertFalse(BankEvents.of("transactions").is(change(500)));
        assertFalse(BankEvents.of("charge-events").is(change(500)));
    }

    @Test
    void anAmountOutsideItsBoundIsNoEvent() throws Exception {
        assertFalse(BankEvents.of("pix-payments").is(change(0)));
        assertFalse(BankEvents.of("pix-payments").is(change(2_000_000_000_000_000_001L)));
    }

    private static byte[] change(long amount) throws Exception {
        Schema avro = new Schema.Parser().parse(Files.readString(Path.of("..", "..", "schemas", "avro", "pix-payments", "v1.avsc")));
        String id = "E00000001ABCDEFGHIJKLMNOPQRSTUVW";
        GenericRecord change = new GenericData.Record(avro);
        change.put("event_id", id + "/3");
        change.put("end_to_end_id", id);
        change.put("version", 3L);
        symbol(change, "kind", "PAYMENT");
        symbol(change, "status", "COMPLETED");
        change.put("sender_bank_code", "001");
        change.put("receiver_bank_code", "002");
        change.put("amount_minor", amount);
        change.put("currency", "BRL");
        symbol(change, "key_kind", "EMAIL");
        change.put("initiated_at", 1_893_553_445_000L);
        change.put("elapsed_millis", 340L);
        change.put("occurred_at", 1_893_553_445_340L);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        var encoder = EncoderFactory.get().binaryEncoder(out, null);
        new GenericDatumWriter<GenericRecord>(avro).write(change, encoder);
        encoder.flush();
        return BankEvent.framed(1, out.toByteArray());
    }

    private static void symbol(GenericRecord change, String field, String symbol) {
        change.put(field, new GenericData.EnumSymbol(change.getSchema().getField(field).schema(), symbol));
    }
}
