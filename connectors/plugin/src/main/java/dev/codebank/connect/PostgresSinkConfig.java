package dev.codebank.connect;

import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;

/**
 * The settings of the sink. A setting that users of JDBC sinks know has the same name and meaning here. The defaults
 * are this sink's own. Those sinks can change or delete a row, or alter a table; such settings are refused here with a
 * reason.
 */
final class PostgresSinkConfig extends AbstractConfig {
    static final String URL = "connection.url";
    static final String USERNAME = "connection.username";
    static final String PASSWORD = "connection.password";
    static final String CONNECTION_TIMEOUT_MS = "connection.timeout.ms";
    static final String READ_TIMEOUT_MS = "read.timeout.ms";
    static final String TABLE = "table.name.format";
    static final String FIELDS = "field.include.list";
    static final String KEY_FIELDS = "primary.key.fields";
    static final String BATCH_SIZE = "batch.size";
    static final String RETRY_BACKOFF_MS = "retry.backoff.ms";

    static final ConfigDef DEFINITION = definition();

    private static final String SCHEME = "jdbc:postgresql:";

    private static final Map<String, FixedSetting> FIXED = Map.of(
        "insert.mode", new FixedSetting("insert", "an existing row stays as it is"),
        "delete.enabled", new FixedSetting("false", "events are never deleted"),
        "schema.evolution", new FixedSetting("none", "the table belongs to its migrations"),
        "auto.create", new FixedSetting("false", "the table belongs to its migrations"),
        "auto.evolve", new FixedSetting("false", "the table belongs to its migrations"));

    PostgresSinkConfig(Map<String, String> settings) {
        super(DEFINITION, settings);
        problems(settings).forEach((key, problem) -> {
            throw new ConfigException(key + ": " + problem);
        });
    }

    /** Returns the faults of settings that are valid one by one but do not fit together: key → message. */
    static Map<String, String> problems(Map<String, String> settings) {
        Map<String, String> problems = new LinkedHashMap<>();
        FixedSetting.check(FIXED, settings, problems);
        return problems;
    }

    /** Returns the settings of the driver. */
    Properties driverProperties() {
        Properties properties = new Properties();
        put(properties, "user", getString(USERNAME));
        put(properties, "password", getPassword(PASSWORD) == null ? null : getPassword(PASSWORD).value());
        put(properties, "connectTimeout", seconds(getInt(CONNECTION_TIMEOUT_MS)));
        put(properties, "socketTimeout", seconds(getInt(READ_TIMEOUT_MS)));
        put(properties, "tcpKeepAlive", "true");
        put(properties, "ApplicationName", "codebank-connect");
        // The error detail quotes the row, and error messages are logged.
        put(properties, "logServerErrorDetail", "false");
        return properties;
    }

    List<String> fields() {
        return getList(FIELDS);
    }

    List<String> keyFields() {
        return getList(KEY_FIELDS);
    }

    private static void put(Properties properties, String key, String value) {
        if (value != null) {
            properties.setProperty(key, value);
        }
    }

    /** The driver counts in seconds, and 0 means no limit. */
    private static String seconds(int millis) {
        return Integer.toString(Math.max(1, (millis + 999) / 1_000));
    }

    private static ConfigDef definition() {
        ConfigDef definition = new ConfigDef();
        defineConnection(definition);
        defineRows(definition);
        return SchemaRegistry.define(definition, true);
    }

    private static void defineConnection(ConfigDef definition) {
        String group = "Connection";
        definition.define(URL, Type.STRING, ConfigDef.NO_DEFAULT_VALUE,
            ConfigDef.LambdaValidator.with(PostgresSinkConfig::checkUrl, () -> SCHEME + "//host:port/database"),
            Importance.HIGH, "The database, as " + SCHEME + "//host:port/database; several hosts separated by commas.",
            group, 1, Width.LONG, "Address");
        definition.define(USERNAME, Type.STRING, null, Importance.HIGH, "The role to sign in as.",
            group, 2, Width.MEDIUM, "User");
        definition.define(PASSWORD, Type.PASSWORD, null, Importance.HIGH, "The role's password.",
            group, 3, Width.MEDIUM, "Password");
        definition.define(CONNECTION_TIMEOUT_MS, Type.INT, 5_000, Range.atLeast(1), Importance.LOW,
            "The longest wait for a connection, in milliseconds.", group, 4, Width.SHORT, "Connection timeout");
        definition.define(READ_TIMEOUT_MS, Type.INT, 60_000, Range.atLeast(1), Importance.LOW,
            "The longest silence of the server, in milliseconds, before the connection counts as lost.",
            group, 5, Width.SHORT, "Read timeout");
        definition.define(RETRY_BACKOFF_MS, Type.LONG, 1_000L, Range.between(1, 60_000), Importance.LOW,
            "The wait before records are delivered again after the database was lost, in milliseconds. It doubles each"
                + " time, up to ten seconds.", group, 6, Width.SHORT, "Back-off");
    }

    private static void defineRows(ConfigDef definition) {
        String group = "Rows";
        definition.define(TABLE, Type.STRING, ConfigDef.NO_DEFAULT_VALUE,
            ConfigDef.LambdaValidator.with(PostgresSinkConfig::checkTable, () -> "table or schema.table"), Importance.HIGH,
            "The table, or its schema and the table with a dot between them, spelt as they are stored. It must exist.",
            group, 1, Width.LONG, "Table");
        definition.define(KEY_FIELDS, Type.LIST, ConfigDef.NO_DEFAULT_VALUE, ConfigDef.ValidList.anyNonDuplicateValues(false, false),
            Importance.HIGH, "The fields that identify a row, separated by commas. The table needs a unique"
                + " constraint on their columns.", group, 2, Width.MEDIUM, "Key");
        definition.define(FIELDS, Type.LIST, "", ConfigDef.ValidList.anyNonDuplicateValues(true, false), Importance.MEDIUM,
            "The written fields, separated by commas. Each goes to the column of its name. Other fields are ignored, including"
                + " fields that a later version of the schema adds. If empty, every field with a column is written.",
            group, 3, Width.LONG, "Fields");
        definition.define(BATCH_SIZE, Type.INT, 10_000, Range.between(1, 1_000_000), Importance.MEDIUM,
            "The most rows in one transaction. consumer.override.max.poll.records limits how many records a put has.",
            group, 4, Width.SHORT, "Rows in a transaction");
    }

    private static void checkUrl(String key, Object value) {
        if (value == null || !value.toString().startsWith(SCHEME)) {
            throw new ConfigException(key + ": not of the form " + SCHEME + "//host:port/database");
        }
        if (value.toString().contains("password=")) {
            throw new ConfigException(key + ": the password belongs in " + PASSWORD + ", where it is not logged");
        }
    }

    private static void checkTable(String key, Object value) {
        if (value == null || value.toString().isEmpty() || value.toString().contains("${")) {
            throw new ConfigException(key + ": must name one table; placeholders are not supported");
        }
    }
}
