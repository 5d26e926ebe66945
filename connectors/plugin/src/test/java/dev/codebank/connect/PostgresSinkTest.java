package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.sql.SQLException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkRecord;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The behaviour of the sink without a database. The tests with a database are end-to-end tests in stack/e2e. */
@Timeout(30)
class PostgresSinkTest {
    private final Map<String, String> settings = new HashMap<>();

    @BeforeEach
    void configure() {
        settings.put("connection.url", "jdbc:postgresql://127.0.0.1:" + closedPort() + "/statement");
        settings.put("connection.username", "writer");
        settings.put("connection.password", "s3cret-of-the-test");
        settings.put("table.name.format", "statement_lines");
        settings.put("primary.key.fields", "event_id");
        settings.put("schema.registry.url", "http://127.0.0.1:1");
    }

    @Test
    void aDatabaseThatIsDownIsNotAFaultOfTheSettings() {
        assertEquals(List.of(), problems());
    }

    @ParameterizedTest
    @CsvSource({
        "connection.url,postgres://127.0.0.1/statement", "connection.url,jdbc:postgresql://h/d?user=u&password=p",
        "connection.timeout.ms,0", "read.timeout.ms,-1", "batch.size,0", "retry.backoff.ms,0",
        "insert.mode,upsert", "insert.mode,update", "delete.enabled,true", "schema.evolution,basic", "auto.create,true",
        "primary.key.fields,''",
        "table.name.format,${topic}", "table.name.format,''", "schema.registry.url,localhost",
    })
    void anInvalidSettingIsNamed(String key, String value) {
        settings.put(key, value);
        List<String> problems = problems();
        assertEquals(1, problems.size(), problems.toString());
        assertTrue(problems.get(0).contains(key), problems.get(0));
        assertThrows(ConfigException.class, () -> new PostgresSinkConfig(settings));
    }

    @ParameterizedTest
    @ValueSource(strings = {"connection.url", "table.name.format", "primary.key.fields", "schema.registry.url"})
    void aSettingWithoutADefaultIsRequired(String key) {
        settings.remove(key);
        assertTrue(problems().toString().contains(key), problems().toString());
    }

    @Test
    void noTextShowsThePassword() {
        assertFalse(new PostgresSinkConfig(settings).values().toString().contains("s3cret-of-the-test"));
    }

    @Test
    void everyTaskGetsAllSettings() {
        PostgresSinkConnector connector = new PostgresSinkConnector();
        connector.start(settings);
        assertEquals(List.of(settings, settings), connector.taskConfigs(2));
        assertEquals(PostgresSinkTask.class, connector.taskClass());
    }

    @Test
    void recordsAreDeliveredAgainWhileTheDatabaseIsDown() {
        PostgresSinkTask task = new PostgresSinkTask();
        TestContext context = new TestContext();
        task.initialize(context);
        task.start(settings);
        List<SinkRecord> records = List.of(new SinkRecord(Events.TOPIC, 0, null, null, null, new byte[] {0, 0, 0, 0, 1}, 7));
        task.put(List.of());
        for (long wait : List.of(1_000L, 2_000L, 4_000L, 8_000L, 10_000L, 10_000L)) {
            assertThrows(RetriableException.class, () -> task.put(records));
            assertEquals(wait, context.timeout);
        }
        task.stop();
    }

    @Test
    void recordsThatWereSentAgainForAnotherSinkNeedNoDatabase() {
        settings.put("name", "statement-postgres");
        PostgresSinkTask task = new PostgresSinkTask();
        task.initialize(new TestContext());
        task.start(settings);

        task.put(List.of(Events.addressed(1, "transactions-elasticsearch"), Events.poison(2, "transactions-elasticsearch")));

        List<SinkRecord> own = List.of(Events.poison(2, "statement-postgres"), Events.poison(3, "transactions-elasticsearch"));
        assertThrows(RetriableException.class, () -> task.put(own));
        task.stop();
    }

    @ParameterizedTest
    @ValueSource(strings = {"08001", "08006", "53300", "53100", "57P01", "57P03", "58030", "40001", "40P01", "55P03",
        "25006", "25P03", "25P04"})
    void aTemporaryErrorIsRetriable(String state) {
        SQLException error = new SQLException("for now", state);
        assertInstanceOf(RetriableException.class, SqlFault.toThrow(error));
        assertFalse(SqlFault.mayBeOfOneRow(error));
    }

    @Test
    void anErrorWithoutAStateIsALostConnection() {
        assertInstanceOf(RetriableException.class, SqlFault.toThrow(new SQLException("the stream ended")));
    }

    @ParameterizedTest
    @ValueSource(strings = {"22001", "22021", "23502", "23505", "23514", "54000", "44000", "0A000", "P0001", "XX000", "??", "99999"})
    void aRowsErrorAndAnUnknownOneMayBeOfOneRow(String state) {
        assertTrue(SqlFault.mayBeOfOneRow(new SQLException("no", state)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"28P01", "3D000", "3F000", "42P01", "42501", "42703", "0P000", "F0000", "XX001", "XX002"})
    void anyOtherErrorNeedsAnOperator(String state) {
        SQLException error = new SQLException("no", state);
        ConnectException thrown = SqlFault.toThrow(error);
        assertFalse(thrown instanceof RetriableException);
        assertTrue(thrown.getMessage().contains(state));
        assertFalse(SqlFault.mayBeOfOneRow(error));
    }

    private List<String> problems() {
        return new PostgresSinkConnector().validate(settings).configValues().stream()
            .flatMap(value -> value.errorMessages().stream()).toList();
    }

    /** Returns a port on which no server listens. */
    private static int closedPort() {
        try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            return socket.getLocalPort();
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
