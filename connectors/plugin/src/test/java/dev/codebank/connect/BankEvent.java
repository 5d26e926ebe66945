package dev.codebank.connect;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumReader;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.DecoderFactory;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.connect.sink.SinkRecord;

/** Events of the bank in the registry's frame, written by another implementation of Avro. */
final class BankEvent {
    private static final Path SCHEMAS = Path.of("..", "..", "schemas");

    /** The newest version. It is the schema id in the frame of the events that {@link #with} returns. */
    static final int NEWEST = BankEvents.TRANSACTIONS.released().size();

    private BankEvent() {
    }

    /** Returns the golden purchase of a version. The schema id in the frame is the version. */
    static byte[] golden(int version) throws IOException {
        return framed(version, HexFormat.of().parseHex(
            Files.readString(SCHEMAS.resolve("event/testdata/purchase.v" + version + ".hex")).replace("\n", "")));
    }

    static String schema(int version) throws IOException {
        return Files.readString(SCHEMAS.resolve("avro/transactions/v" + version + ".avsc"));
    }

    /** Returns the golden purchase of the newest version with other values of some fields. */
    static byte[] with(Map<String, Object> changes) {
        try {
            Schema schema = new Schema.Parser().parse(schema(NEWEST));
            byte[] golden = golden(NEWEST);
            GenericRecord event = new GenericDatumReader<GenericRecord>(schema).read(null,
                DecoderFactory.get().binaryDecoder(golden, 5, golden.length - 5, null));
            for (Map.Entry<String, Object> change : changes.entrySet()) {
                event.put(change.getKey(), change.getValue());
            }
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            var encoder = EncoderFactory.get().binaryEncoder(out, null);
            new GenericDatumWriter<GenericRecord>(schema, new GenericData()).write(event, encoder);
            encoder.flush();
            return framed(NEWEST, out.toByteArray());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    static byte[] with(String field, Object value) {
        java.util.HashMap<String, Object> change = new java.util.HashMap<>();
        change.put(field, value);
        return with(change);
    }

    /** Returns a record of the bank's topic. */
    static SinkRecord record(long offset, byte[] value) {
        return new SinkRecord(Events.TOPIC, 0, null, null, null, value, offset);
    }

    static byte[] framed(int id, byte[] body) {
        return ByteBuffer.allocate(5 + body.length).put((byte) 0).putInt(id).put(body).array();
    }
}
