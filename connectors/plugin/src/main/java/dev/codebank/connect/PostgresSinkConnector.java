package dev.codebank.connect;

import java.sql.SQLException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;

/**
 * A sink that writes each event as one row of a Postgres table, by binary COPY. A row that is there stays as it is, so writing
 * an event again changes nothing. See {@link PostgresSinkTask} for what is promised, and the connector's configuration for
 * the settings.
 */
public final class PostgresSinkConnector extends SinkConnector {
    private Map<String, String> settings;

    /** Makes a connector; Connect starts it next. */
    public PostgresSinkConnector() {
    }

    @Override
    public String version() {
        return Version.current();
    }

    @Override
    public ConfigDef config() {
        return PostgresSinkConfig.DEFINITION;
    }

    @Override
    public Class<? extends Task> taskClass() {
        return PostgresSinkTask.class;
    }

    @Override
    public void start(Map<String, String> settings) {
        this.settings = settings;
    }

    @Override
    public List<Map<String, String>> taskConfigs(int maxTasks) {
        return Collections.nCopies(maxTasks, settings);
    }

    @Override
    public void stop() {
        // The tasks hold what there is to close.
    }

    /**
     * Checks the settings, each by itself and together, and asks the database for the table and its columns. A database that
     * is away is no error: a pipe may be laid before its end is there.
     */
    @Override
    public Config validate(Map<String, String> settings) {
        Config config = super.validate(settings);
        Map<String, ConfigValue> values = new LinkedHashMap<>();
        config.configValues().forEach(value -> values.put(value.name(), value));
        PostgresSinkConfig.problems(settings).forEach((key, problem) ->
            values.computeIfAbsent(key, ConfigValue::new).addErrorMessage(key + ": " + problem));
        if (values.values().stream().allMatch(value -> value.errorMessages().isEmpty())) {
            look(settings, values);
        }
        return new Config(List.copyOf(values.values()));
    }

    private static void look(Map<String, String> settings, Map<String, ConfigValue> values) {
        try (PostgresSession session = new PostgresSession(new PostgresSinkConfig(settings))) {
            session.table();
        } catch (ConfigException e) {
            String key = e.getMessage().substring(0, Math.max(0, e.getMessage().indexOf(':')));
            values.getOrDefault(key, values.get(PostgresSinkConfig.URL)).addErrorMessage(e.getMessage());
        } catch (SQLException e) {
            if (!SqlFault.isOfTheMoment(e)) {
                String key = "28".equals(e.getSQLState().substring(0, 2)) ? PostgresSinkConfig.USERNAME : PostgresSinkConfig.URL;
                values.get(key).addErrorMessage(key + ": " + e.getMessage());
            }
        }
    }
}
