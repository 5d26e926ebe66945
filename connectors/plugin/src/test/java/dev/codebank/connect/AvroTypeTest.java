package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.fasterxml.jackson.databind.ObjectMapper;
import com.sun.net.httpserver.HttpServer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.math.BigDecimal;
import java.math.BigInteger;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Date;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericDatumWriter;
import org.apache.avro.generic.GenericRecord;
import org.apache.avro.io.BinaryEncoder;
import org.apache.avro.io.EncoderFactory;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Values as the topic holds them: the registry's frame with Avro in it. */
@Timeout(30)
class AvroTypeTest {
    private static final String EVERYTHING = """
        {"type": "record", "name": "Everything", "namespace": "dev.codebank.test", "fields": [
          {"name": "text", "type": "string"}, {"name": "int", "type": "int"}, {"name": "long", "type": "long"},
          {"name": "float", "type": "float"}, {"name": "double", "type": "double"}, {"name": "bool", "type": "boolean"},
          {"name": "bytes", "type": "bytes"},
          {"name": "at", "type": {"type": "long", "logicalType": "timestamp-millis"}},
          {"name": "precise", "type": {"type": "long", "logicalType": "timestamp-micros"}},
          {"name": "day", "type": {"type": "int", "logicalType": "date"}},
          {"name": "time", "type": {"type": "int", "logicalType": "time-millis"}},
          {"name": "decimal", "type": {"type": "bytes", "logicalType": "decimal", "precision": 9, "scale": 2}},
          {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["UNKNOWN", "PURCHASE"], "default": "UNKNOWN"}},
          {"name": "other_kind", "type": ["null", "Kind"], "default": null},
          {"name": "hash", "type": {"type": "fixed", "name": "Hash", "namespace": "elsewhere", "size": 3}},
          {"name": "maybe_hash", "type": ["elsewhere.Hash", "null"]},
          {"name": "maybe", "type": ["null", "string"], "default": null},
          {"name": "maybe_at", "type": ["null", {"type": "long", "logicalType": "timestamp-millis"}], "default": null},
          {"name": "list", "type": {"type": "array", "items": ["null", "long"]}},
          {"name": "map", "type": {"type": "map", "values": "int"}},
          {"name": "inner", "type": {"type": "record", "name": "Inner", "fields": [{"name": "kind", "type": "Kind"}]}},
          {"name": "inner_again", "type": ["null", "Inner"], "default": null}
        ]}""";

    private final HttpServer server;
    private final Map<Integer, String> schemas = new HashMap<>();
    private final AtomicInteger requests = new AtomicInteger();
    private final SchemaRegistry registry;
    private volatile int status = 200;
    private volatile String response;

    AvroTypeTest() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> {
            requests.incrementAndGet();
            String path = exchange.getRequestURI().getPath();
            String schema = schemas.get(Integer.parseInt(path.substring(path.lastIndexOf('/') + 1)));
            if (response != null) {
                ElasticsearchStub.respond(exchange, status, response);
            } else if (schema == null || !path.startsWith("/ccompat/schemas/ids/")) {
                ElasticsearchStub.respond(exchange, 404, "{\"error_code\":40403,\"message\":\"Schema not found\"}");
            } else {
                ElasticsearchStub.respond(exchange, 200, new ObjectMapper().writeValueAsString(Map.of("schema", schema)));
            }
        });
        server.start();
        registry = registryAt(url());
    }

    @AfterEach
    void stop() {
        registry.close();
        server.stop(0);
    }

    @Test
    void everyTypeHasItsCounterpart() throws IOException {
        org.apache.avro.Schema schema = new org.apache.avro.Schema.Parser().parse(EVERYTHING);
        GenericRecord record = everything(schema, new Random(1));
        record.put("text", "São 😀");
        record.put("maybe", null);
        record.put("other_kind", symbol(schema, "PURCHASE"));
        record.put("list", Arrays.asList(1L, null, Long.MIN_VALUE));
        schemas.put(7, EVERYTHING);

        SchemaAndValue read = read(framed(7, record));

        Struct value = (Struct) read.value();
        value.validate();
        assertEquals("dev.codebank.test.Everything", read.schema().name());
        assertEquals("São 😀", value.get("text"));
        assertNull(value.get("maybe"));
        assertEquals("PURCHASE", value.get("other_kind"));
        assertEquals(Schema.OPTIONAL_STRING_SCHEMA, read.schema().field("other_kind").schema());
        assertEquals(Schema.STRING_SCHEMA, read.schema().field("kind").schema());
        assertEquals(Timestamp.SCHEMA, read.schema().field("at").schema());
        assertEquals(Timestamp.builder().optional().build(), read.schema().field("maybe_at").schema());
        assertEquals(Schema.INT64_SCHEMA, read.schema().field("precise").schema());
        assertEquals(org.apache.kafka.connect.data.Date.SCHEMA, read.schema().field("day").schema());
        assertEquals(Time.SCHEMA, read.schema().field("time").schema());
        assertEquals(Decimal.schema(2), read.schema().field("decimal").schema());
        assertEquals(Arrays.asList(1L, null, Long.MIN_VALUE), value.get("list"));
    }

    @Test
    void aValueOfAnotherWriterIsReadUnchanged() throws IOException {
        org.apache.avro.Schema schema = new org.apache.avro.Schema.Parser().parse(EVERYTHING);
        schemas.put(1, EVERYTHING);
        Random random = new Random(20261121);
        for (int i = 0; i < 500; i++) {
            GenericRecord record = everything(schema, random);
            Struct value = (Struct) read(framed(1, record)).value();
            for (String field : List.of("text", "int", "long", "float", "double", "bool", "precise", "maybe", "list", "map")) {
                assertEquals(record.get(field), value.get(field), field);
            }
            assertEquals(new Date((Long) record.get("at")), value.get("at"));
            assertEquals(new Date((Integer) record.get("day") * 86_400_000L), value.get("day"));
            assertEquals(new Date((Integer) record.get("time")), value.get("time"));
            assertEquals(record.get("kind").toString(), value.get("kind"));
            assertEquals(new BigDecimal(new BigInteger(((ByteBuffer) record.get("decimal")).array()), 2), value.get("decimal"));
            assertArrayEquals(((ByteBuffer) record.get("bytes")).array(), (byte[]) value.get("bytes"));
            assertArrayEquals(((GenericData.Fixed) record.get("hash")).bytes(), (byte[]) value.get("hash"));
            assertEquals(((GenericRecord) record.get("inner")).get("kind").toString(), value.getStruct("inner").get("kind"));
        }
        assertEquals(1, requests.get(), "a schema is requested once");
    }

    @Test
    void aSchemaIsOneInstanceForAllItsRecords() throws IOException {
        schemas.put(3, "\"string\"");
        byte[] value = framed(3, "a");
        assertSame(read(value).schema(), read(value).schema());
    }

    @Test
    void aCutOrChangedValueIsReadOrRefused() throws IOException {
        org.apache.avro.Schema schema = new org.apache.avro.Schema.Parser().parse(EVERYTHING);
        schemas.put(1, EVERYTHING);
        Random random = new Random(3);
        byte[] value = framed(1, everything(schema, random));
        for (int length = 0; length < value.length; length++) {
            byte[] cut = Arrays.copyOf(value, length);
            assertThrows(DataException.class, () -> read(cut));
        }
        assertThrows(DataException.class, () -> read(Arrays.copyOf(value, value.length + 1)));
        for (int i = 0; i < 20_000; i++) {
            byte[] changed = value.clone();
            changed[5 + random.nextInt(value.length - 5)] = (byte) random.nextInt();
            try {
                read(changed);
            } catch (DataException e) {
                assertFalse(e.getMessage().isEmpty());
            }
        }
    }

    @Test
    void aFewBytesCannotRequestMoreElementsThanBytes() {
        schemas.put(3, "{\"type\":\"array\",\"items\":{\"type\":\"record\",\"name\":\"Empty\",\"fields\":[]}}");
        byte[] twoThousandMillion = {0, 0, 0, 0, 3, (byte) 0xFE, (byte) 0xFF, (byte) 0xFF, (byte) 0xFF, 0x0E, 0};
        assertThrows(DataException.class, () -> read(twoThousandMillion));
    }

    @Test
    void aTextThatIsNotUtf8IsRefused() throws IOException {
        schemas.put(3, "\"string\"");
        assertEquals("é", read(new byte[] {0, 0, 0, 0, 3, 4, (byte) 0xC3, (byte) 0xA9}).value());
        assertThrows(DataException.class,
            () -> read(new byte[] {0, 0, 0, 0, 3, 4, (byte) 0xC3, 'x'}));
    }

    @Test
    void aValueWithoutAFrameIsRefusedWithoutARequestToTheRegistry() {
        for (String value : List.of("", "hello", "\0\0\0")) {
            assertThrows(DataException.class, () -> read(value.getBytes()));
        }
        assertEquals(0, requests.get());
    }

    @Test
    void anIdThatTheRegistryNeverAssignedIsTheRecordsFault() {
        DataException e = assertThrows(DataException.class, () -> read(new byte[] {0, 0, 0, 0, 9, 0}));
        assertEquals("the registry has no schema 9", e.getMessage());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '`', value = {
        "500 | {\"error_code\":50001,\"message\":\"store\"}", "503 | <html>", "404 | <html>", "404 | {\"error_code\":404}",
        "401 | {}", "429 | ``", "200 | {}", "200 | welcome", "200 | []"})
    void aRegistryWithoutAClearResponseIsNotTheRecordsFault(int status, String body) throws IOException {
        schemas.put(3, "\"string\"");
        byte[] value = framed(3, "a");
        this.status = status;
        response = body;
        assertThrows(RetriableException.class, () -> read(value));
        response = null;
        assertEquals("a", read(value).value());
    }

    @Test
    void aRegistryThatIsDownIsNotTheRecordsFaultAndAKnownSchemaStaysKnown() throws IOException {
        schemas.put(3, "\"string\"");
        byte[] known = framed(3, "a");
        read(known);
        server.stop(0);

        assertEquals("a", read(known).value());
        assertThrows(RetriableException.class, () -> read(framed(4, "a")));
    }

    @ParameterizedTest
    @ValueSource(strings = {
        "{\"schema\":\"syntax = \\\"proto3\\\";\",\"schemaType\":\"PROTOBUF\"}",
        "{\"schema\":\"\\\"string\\\"\",\"references\":[{\"name\":\"x\",\"subject\":\"y\",\"version\":1}]}",
        "{\"schema\":\"{\"}", "{\"schema\":\"\\\"null\\\"\"}", "{\"schema\":\"[\\\"null\\\",\\\"int\\\",\\\"string\\\"]\"}",
        "{\"schema\":\"\\\"Unknown\\\"\"}", "{\"schema\":\"{\\\"type\\\":\\\"record\\\"}\"}", "{\"schema\":\"17\"}",
        "{\"schema\":\"{\\\"type\\\":\\\"record\\\",\\\"name\\\":\\\"R\\\",\\\"fields\\\":"
            + "[{\\\"name\\\":\\\"next\\\",\\\"type\\\":[\\\"null\\\",\\\"R\\\"]}]}\"}"})
    void aSchemaWithoutACounterpartIsRefused(String body) {
        response = body;
        assertThrows(DataException.class, () -> read(new byte[] {0, 0, 0, 0, 3, 0}));
    }

    @Test
    void aRegistryNeedsAnAddress() {
        for (String url : List.of("", "registry:8081", "http://u:p@h:1")) {
            ConfigException e = assertThrows(ConfigException.class, () -> registryAt(url));
            assertTrue(e.getMessage().contains("schema.registry.url"), e.getMessage());
        }
    }

    @Test
    void bytesAndTheirStructureGiveTheSameDocument() throws IOException {
        org.apache.avro.Schema schema = new org.apache.avro.Schema.Parser().parse(EVERYTHING);
        schemas.put(1, EVERYTHING);
        Random random = new Random(20261121);
        DocumentRenderer renderer = new DocumentRenderer(new ElasticsearchSinkConfig(Map.of(
            "connection.url", "http://127.0.0.1:1", "index.name.format", "i-${timestamp}", "document.id.field", "text",
            "index.timestamp.field", "at", "hour.field", "hour", "weekday.field", "day_of_week", "topic.field", "topic",
            "partition.field", "partition", "offset.field", "offset")), registry);
        for (int i = 0; i < 500; i++) {
            GenericRecord record = everything(schema, random);
            record.put("text", i + "-" + "\"\\\n\u0000é😀x".repeat(random.nextInt(3)) + "x".repeat(random.nextInt(400)));
            record.put("at", random.nextLong(0, 100_000_000_000_000L));
            record.put("maybe_at", random.nextBoolean() ? null : random.nextLong(-1, 100_000_000_000_000L));
            byte[] frame = framed(1, record);
            SchemaAndValue read = read(frame);
            assertEquals(rendered(renderer, read.schema(), read.value()), rendered(renderer, null, frame));
        }
        assertThrows(DataException.class, () -> rendered(renderer, null, new byte[] {0, 0, 0, 0, 9, 0}));
    }

    private static String rendered(DocumentRenderer renderer, Schema schema, Object value) {
        JsonBuffer json = new JsonBuffer(1);
        renderer.render(new SinkRecord(Events.TOPIC, 3, null, null, schema, value, 17), json);
        return new String(json.array(), 0, json.size(), StandardCharsets.UTF_8);
    }

    private SchemaAndValue read(byte[] value) {
        AvroType type = registry.byId(SchemaRegistry.idOf(value));
        AvroInput in = new AvroInput(value, 0);
        SchemaRegistry.begin(in, value);
        Object data = type.reader().read(in);
        in.end();
        return new SchemaAndValue(type.schema(), data);
    }

    private static SchemaRegistry registryAt(String url) {
        return new SchemaRegistry(new AbstractConfig(SchemaRegistry.define(new ConfigDef(), true),
            Map.of("schema.registry.url", url, SchemaRegistry.SETTLING_MS, "0"), false), BankEvents.TRANSACTIONS);
    }

    private String url() {
        return "http://127.0.0.1:" + server.getAddress().getPort() + "/ccompat/";
    }

    private static GenericRecord everything(org.apache.avro.Schema schema, Random random) {
        GenericRecord record = new GenericData.Record(schema);
        record.put("text", "x".repeat(random.nextInt(200)));
        record.put("int", random.nextInt() >> random.nextInt(32));
        record.put("long", random.nextLong() >> random.nextInt(64));
        record.put("float", random.nextFloat());
        record.put("double", random.nextGaussian());
        record.put("bool", random.nextBoolean());
        record.put("bytes", ByteBuffer.wrap(bytes(random, random.nextInt(100))));
        record.put("at", random.nextLong() >> 20);
        record.put("precise", random.nextLong());
        record.put("day", random.nextInt(-100_000, 100_000));
        record.put("time", random.nextInt(86_400_000));
        record.put("decimal", ByteBuffer.wrap(bytes(random, 4)));
        record.put("kind", symbol(schema, random.nextBoolean() ? "UNKNOWN" : "PURCHASE"));
        record.put("hash", new GenericData.Fixed(schema.getField("hash").schema(), bytes(random, 3)));
        record.put("maybe", random.nextBoolean() ? null : "there");
        record.put("maybe_at", random.nextBoolean() ? null : random.nextLong() >> 20);
        record.put("list", random.longs(random.nextInt(5)).boxed().toList());
        record.put("map", Map.of("a", random.nextInt(), "é", 1));
        GenericRecord inner = new GenericData.Record(schema.getField("inner").schema());
        inner.put("kind", symbol(schema, "PURCHASE"));
        record.put("inner", inner);
        record.put("inner_again", random.nextBoolean() ? null : inner);
        return record;
    }

    private static GenericData.EnumSymbol symbol(org.apache.avro.Schema schema, String symbol) {
        return new GenericData.EnumSymbol(schema.getField("kind").schema(), symbol);
    }

    private static byte[] bytes(Random random, int size) {
        byte[] bytes = new byte[size];
        random.nextBytes(bytes);
        return bytes;
    }

    private static byte[] framed(int id, Object value) throws IOException {
        org.apache.avro.Schema schema = value instanceof GenericRecord record ? record.getSchema()
            : org.apache.avro.Schema.create(org.apache.avro.Schema.Type.STRING);
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        out.write(ByteBuffer.allocate(5).put((byte) 0).putInt(id).array());
        BinaryEncoder encoder = EncoderFactory.get().binaryEncoder(out, null);
        new GenericDatumWriter<>(schema).write(value, encoder);
        encoder.flush();
        return out.toByteArray();
    }
}
