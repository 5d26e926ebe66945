package dev.codebank.connect;

import java.sql.SQLException;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.connector.Task;

/**
 * A sink that writes each event as one row of a Postgres table, by binary COPY. An existing row stays as it is, so
 * writing an event again changes nothing. See {@link PostgresSinkTask} for the guarantees, and the connector's
 * configuration for the settings.
 */
public final class PostgresSinkConnector extends BaseSinkConnector {
    /** Creates a connector. Connect starts it next. */
    public PostgresSinkConnector() {
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
    Map<String, String> problems(Map<String, String> settings) {
        return PostgresSinkConfig.problems(settings);
    }

    /** Reads the table and its columns from the database. */
    @Override
    void checkServer(Map<String, String> settings, Map<String, ConfigValue> values) {
        try (PostgresSession session = new PostgresSession(new PostgresSinkConfig(settings))) {
            session.table();
        } catch (ConfigException e) {
            String key = e.getMessage().substring(0, Math.max(0, e.getMessage().indexOf(':')));
            values.getOrDefault(key, values.get(PostgresSinkConfig.URL)).addErrorMessage(e.getMessage());
        } catch (SQLException e) {
            if (!SqlFault.isTransient(e)) {
                String key = "28".equals(e.getSQLState().substring(0, 2)) ? PostgresSinkConfig.USERNAME : PostgresSinkConfig.URL;
                values.get(key).addErrorMessage(key + ": " + e.getMessage());
            }
        }
    }
}
