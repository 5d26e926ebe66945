package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Events of charges become documents by their own schema and bounds. */
@Timeout(30)
class ChargeEventsTest extends ElasticsearchSinkTaskSetup {
    private static final String TOPIC = "checkout.charge-events.v1";
    private static final String CHARGE = "7d14c20b-935e-5a86-b16f-284ce039d572";

    private final HttpServer registry;
    private final String schema;

    ChargeEventsTest() throws Exception {
        schema = Files.readString(Path.of("..", "..", "schemas", "avro", "charge-events", "v1.avsc"));
        registry = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        registry.createContext("/schemas/ids/1", exchange -> ElasticsearchStub.respond(exchange, 200,
            "{\"schema\":" + new ObjectMapper().writeValueAsString(schema) + "}"));
        registry.start();
    }

    @BeforeEach
    void configure() {
        settings.put("events.subject", "charge-events");
        settings.put("index.name.format", "checkout-charges-${timestamp}");
        settings.put("schema.registry.url", "http://127.0.0.1:" + registry.getAddress().getPort());
    }

    @AfterEach
    void stopRegistry() {
        registry.stop(0);
    }

    @Test
    void anEventIsOneDocumentHoweverOftenItComes() throws Exception {
        ElasticsearchSinkTask task = start();
        task.put(List.of(event(0, 500), event(1, 500)));
        task.put(List.of(event(2, 500)));

        assertEquals(java.util.Set.of("checkout-charges-2030.01/" + CHARGE + "/2"), elasticsearch.stored().keySet());
        JsonNode document = elasticsearch.stored().get("checkout-charges-2030.01/" + CHARGE + "/2");
        assertEquals("TEST", document.get("mode").asText());
        assertEquals("CHARGE_DECIDED", document.get("kind").asText());
        assertEquals(500, document.get("amount_minor").asLong());
        assertEquals(340, document.get("decision_millis").asLong());
        assertFalse(document.has("reason"));
        assertTrue(context.reported.isEmpty());
    }

    @Test
    void aValueOutsideItsBoundIsADeadLetterAndAnEventThatTheIndexRefusesStopsTheTask() throws Exception {
        ElasticsearchSinkTask task = start();
        task.put(List.of(event(0, 0), event(1, 500)));
        assertEquals(1, context.reported.size());
        assertEquals(1, elasticsearch.stored().size());

        elasticsearch.refused.put(CHARGE + "/2", new ElasticsearchStub.Refused(400,
            "{\"type\":\"strict_dynamic_mapping_exception\",\"reason\":\"mapping set to strict\"}", 99));
        ConnectException e = assertThrows(ConnectException.class, () -> task.put(List.of(event(2, 500))));
        assertFalse(e instanceof RetriableException);
        assertEquals(1, context.reported.size());
    }

    private SinkRecord event(long offset, long amount) throws Exception {
        Schema avro = new Schema.Parser().parse(schema);
        GenericRecord event = new GenericData.Record(avro);
        event.put("event_id", CHARGE + "/2");
        event.put("merchant_id", "cafe");
        symbol(event, "mode", "TEST");
        event.put("sequence", 7L);
        symbol(event, "kind", "CHARGE_DECIDED");
        event.put("charge_id", CHARGE);
        event.put("version", 2L);
        symbol(event, "status", "APPROVED");
        event.put("amount_minor", amount);
        event.put("currency", "BRL");
        event.put("captured_minor", amount);
        event.put("refunded_minor", 0L);
        symbol(event, "operation_kind", "NONE");
        symbol(event, "operation_status", "NONE");
        event.put("accepted_at", 1_893_553_445_000L);
        event.put("decided_at", 1_893_553_445_340L);
        event.put("decision_millis", 340L);
        event.put("occurred_at", 1_893_553_445_340L);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        var encoder = EncoderFactory.get().binaryEncoder(out, null);
        new GenericDatumWriter<GenericRecord>(avro).write(event, encoder);
        encoder.flush();
        return new SinkRecord(TOPIC, 0, null, null, null, BankEvent.framed(1, out.toByteArray()), offset);
    }

    private static void symbol(GenericRecord event, String field, String symbol) {
        event.put(field, new GenericData.EnumSymbol(event.getSchema().getField(field).schema(), symbol));
    }
}
