package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.sun.net.httpserver.HttpServer;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.errors.RetriableException;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class SchemaRegistryTest {
    private static final String NO_SCHEMA = "{\"error_code\":40403,\"message\":\"no schema\"}";
    private static final String LONG = "{\"schema\":\"\\\"long\\\"\"}";

    private HttpServer server;
    private volatile int status = 404;
    private volatile String body = NO_SCHEMA;

    @BeforeEach
    void serve() throws IOException {
        server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        server.createContext("/", exchange -> ElasticsearchStub.respond(exchange, status, body));
        server.start();
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private SchemaRegistry registry(int settlingMillis) {
        return new SchemaRegistry(new AbstractConfig(SchemaRegistry.define(new ConfigDef(), true), Map.of(
            SchemaRegistry.URLS, "http://127.0.0.1:" + server.getAddress().getPort(), SchemaRegistry.SETTLING_MS, settlingMillis)),
            BankEvents.TRANSACTIONS);
    }

    @Test
    void aRegistryThatStillStartsIsNotBelieved() {
        try (SchemaRegistry registry = registry(3_600_000)) {
            assertThrows(RetriableException.class, () -> registry.byId(7));
            assertThrows(RetriableException.class, () -> registry.byId(7), "it is asked again");
            status = 200;
            body = LONG;
            registry.byId(7);
        }
    }

    @Test
    void aRegistryThatHasAnsweredForAWhileIsBelieved() throws Exception {
        try (SchemaRegistry registry = registry(200)) {
            assertThrows(RetriableException.class, () -> registry.byId(7));
            assertEquals("the registry has no schema 7", denied(registry).getMessage());

            status = 503;
            assertThrows(RetriableException.class, () -> registry.byId(8));
            status = 404;
            assertThrows(RetriableException.class, () -> registry.byId(9), "it may have been started anew");
        }
    }

    @Test
    void aRegistryThatServesWhatItHadBeforeIsBelievedAtOnce() {
        server.createContext("/schemas/ids/3", exchange -> ElasticsearchStub.respond(exchange, 200, LONG));
        try (SchemaRegistry registry = registry(3_600_000)) {
            registry.byId(3);
            assertThrows(UnknownSchemaException.class, () -> registry.byId(7));
        }
    }

    /** Asks until the registry is believed. */
    private static UnknownSchemaException denied(SchemaRegistry registry) throws InterruptedException {
        while (true) {
            try {
                registry.byId(7);
            } catch (RetriableException e) {
                Thread.sleep(10);
            } catch (UnknownSchemaException e) {
                return e;
            }
        }
    }

    @Test
    void withoutTimeToSettleItIsBelievedAtOnce() {
        try (SchemaRegistry registry = registry(0)) {
            assertThrows(UnknownSchemaException.class, () -> registry.byId(7));
        }
    }
}
