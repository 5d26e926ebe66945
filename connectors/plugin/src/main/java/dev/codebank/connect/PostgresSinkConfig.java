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
 * The sink's settings. A key that users of JDBC sinks know has the same name and meaning here; the defaults are this sink's
 * own. What those sinks can do and this one will not – change a row, delete one, alter a table – is refused with a reason.
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

    /** The one value of a setting of other sinks that this one can honour, and why. */
    private record Fixed(String value, String reason) {
    }

    private static final Map<String, Fixed> FIXED = Map.of(
        "insert.mode", new Fixed("insert", "a row that is there stays as it is"),
        "delete.enabled", new Fixed("false", "events are never deleted"),
        "schema.evolution", new Fixed("none", "the table belongs to its migrations"),
        "auto.create", new Fixed("false", "the table belongs to its migrations"),
        "auto.evolve", new Fixed("false", "the table belongs to its migrations"));

    PostgresSinkConfig(Map<String, String> settings) {
        super(DEFINITION, settings);
        problems(settings).forEach((key, problem) -> {
            throw new ConfigException(key + ": " + problem);
        });
    }

    /** Returns what is wrong with settings that are each well formed by themselves: key → message. */
    static Map<String, String> problems(Map<String, String> settings) {
        Map<String, String> problems = new LinkedHashMap<>();
        FIXED.forEach((key, fixed) -> {
            String value = settings.get(key);
            if (value != null && !value.equalsIgnoreCase(fixed.value)) {
                problems.put(key, "only '" + fixed.value + "' is possible: " + fixed.reason);
            }
        });
        return problems;
    }

    /** Returns the driver's own settings. */
    Properties driverProperties() {
        Properties properties = new Properties();
        put(properties, "user", getString(USERNAME));
        put(properties, "password", getPassword(PASSWORD) == null ? null : getPassword(PASSWORD).value());
        put(properties, "connectTimeout", seconds(getInt(CONNECTION_TIMEOUT_MS)));
        put(properties, "socketTimeout", seconds(getInt(READ_TIMEOUT_MS)));
        put(properties, "tcpKeepAlive", "true");
        put(properties, "ApplicationName", "codebank-connect");
        // A detail quotes the row, and messages get into logs.
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

    /** The driver counts in seconds, and takes 0 for no limit. */
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
            "How long to wait for a connection, in milliseconds.", group, 4, Width.SHORT, "Connection timeout");
        definition.define(READ_TIMEOUT_MS, Type.INT, 60_000, Range.atLeast(1), Importance.LOW,
            "How long the server may be silent, in milliseconds, before the connection counts as lost.",
            group, 5, Width.SHORT, "Read timeout");
        definition.define(RETRY_BACKOFF_MS, Type.LONG, 1_000L, Range.between(1, 60_000), Importance.LOW,
            "The wait before records are delivered again after the database was lost, in milliseconds; it doubles each"
                + " time, up to ten seconds.", group, 6, Width.SHORT, "Back-off");
    }

    private static void defineRows(ConfigDef definition) {
        String group = "Rows";
        definition.define(TABLE, Type.STRING, ConfigDef.NO_DEFAULT_VALUE,
            ConfigDef.LambdaValidator.with(PostgresSinkConfig::checkTable, () -> "table or schema.table"), Importance.HIGH,
            "The table, or its schema and the table with a dot between them, written as they are stored. It has to be there.",
            group, 1, Width.LONG, "Table");
        definition.define(KEY_FIELDS, Type.LIST, ConfigDef.NO_DEFAULT_VALUE, ConfigDef.ValidList.anyNonDuplicateValues(false, false),
            Importance.HIGH, "The fields that tell one row from another, separated by commas; the table has a unique"
                + " constraint on their columns.", group, 2, Width.MEDIUM, "Key");
        definition.define(FIELDS, Type.LIST, "", ConfigDef.ValidList.anyNonDuplicateValues(true, false), Importance.MEDIUM,
            "The fields that are written, each to the column of its name, separated by commas. Others are ignored, also"
                + " those that a later version of the schema adds. Empty: every field that has a column.",
            group, 3, Width.LONG, "Fields");
        definition.define(BATCH_SIZE, Type.INT, 10_000, Range.between(1, 1_000_000), Importance.MEDIUM,
            "The most rows in one transaction. consumer.override.max.poll.records decides how many there can be.",
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
            throw new ConfigException(key + ": one table is named; nothing is filled in");
        }
    }
}
