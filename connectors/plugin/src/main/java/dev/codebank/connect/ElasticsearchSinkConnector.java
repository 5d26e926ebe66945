package dev.codebank.connect;

import java.io.IOException;
import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.connector.Task;

/**
 * A sink that writes each record as one immutable document with the bulk API. The record's own time chooses the index.
 * Writing a record again changes nothing: its index and id are always the same, and an existing document stays as it
 * is. See {@link ElasticsearchSinkTask} for the guarantees, and the connector's configuration for the settings.
 */
public final class ElasticsearchSinkConnector extends BaseSinkConnector {
    /** Creates a connector. Connect starts it next. */
    public ElasticsearchSinkConnector() {
    }

    @Override
    public ConfigDef config() {
        return ElasticsearchSinkConfig.DEFINITION;
    }

    @Override
    public Class<? extends Task> taskClass() {
        return ElasticsearchSinkTask.class;
    }

    @Override
    Map<String, String> problems(Map<String, String> settings) {
        return ElasticsearchSinkConfig.problems(settings);
    }

    /** Checks whether Elasticsearch accepts the user. */
    @Override
    void checkServer(Map<String, String> settings, Map<String, ConfigValue> values) {
        String problem = accessProblem(settings);
        if (problem != null) {
            values.get(ElasticsearchSinkConfig.USERNAME).addErrorMessage(problem);
        }
    }

    private static String accessProblem(Map<String, String> settings) {
        try (ElasticsearchClient client = new ElasticsearchClient(new ElasticsearchSinkConfig(settings))) {
            HttpNodes.Response response = client.root();
            if (response.status() == 401) {
                return ElasticsearchSinkConfig.USERNAME + ", " + ElasticsearchSinkConfig.PASSWORD + ": "
                    + response.node() + " does not accept this user and password";
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            // The cluster does not respond, which is not a fault of the settings.
            return null;
        }
        return null;
    }
}
