package dev.codebank.connect;

import java.io.IOException;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;

/**
 * A sink that writes each record as one immutable document, with the bulk interface, into an index chosen by the record's own
 * time. Writing a record again changes nothing: its index and id are always the same, and a document that is there is left as
 * it is. See {@link ElasticsearchSinkTask} for what is promised, and the connector's configuration for the settings.
 */
public final class ElasticsearchSinkConnector extends SinkConnector {
    private Map<String, String> settings;

    /** Makes a connector; Connect starts it next. */
    public ElasticsearchSinkConnector() {
    }

    @Override
    public String version() {
        return Version.current();
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
     * Checks the settings, each by itself and together, and asks Elasticsearch whether it lets this user in. A cluster that is
     * away is no error: a pipe may be laid before its end is there.
     */
    @Override
    public Config validate(Map<String, String> settings) {
        Config config = super.validate(settings);
        Map<String, ConfigValue> values = new LinkedHashMap<>();
        config.configValues().forEach(value -> values.put(value.name(), value));
        ElasticsearchSinkConfig.problems(settings).forEach((key, problem) ->
            values.computeIfAbsent(key, ConfigValue::new).addErrorMessage(key + ": " + problem));
        if (values.values().stream().allMatch(value -> value.errorMessages().isEmpty())) {
            String problem = signIn(settings);
            if (problem != null) {
                values.get(ElasticsearchSinkConfig.USERNAME).addErrorMessage(problem);
            }
        }
        return new Config(List.copyOf(values.values()));
    }

    private static String signIn(Map<String, String> settings) {
        try (ElasticsearchClient client = new ElasticsearchClient(new ElasticsearchSinkConfig(settings))) {
            HttpNodes.Answer answer = client.root();
            if (answer.status() == 401) {
                return ElasticsearchSinkConfig.USERNAME + ", " + ElasticsearchSinkConfig.PASSWORD + ": "
                    + answer.node() + " does not know this user and password";
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (IOException e) {
            // Away, which is no fault of the settings.
            return null;
        }
        return null;
    }
}
