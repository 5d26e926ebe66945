package dev.codebank.connect;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.connect.sink.SinkConnector;

/** The parts that both sinks' connectors share: every task gets all settings, and settings are checked in two steps. */
abstract class BaseSinkConnector extends SinkConnector {
    private Map<String, String> settings;

    @Override
    public String version() {
        return Version.current();
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
        // The tasks own all resources.
    }

    /**
     * Checks the settings, one by one and together, and then checks them against the server. A server that does not
     * respond is no error, because a connector may be registered before its server runs.
     */
    @Override
    public Config validate(Map<String, String> settings) {
        Config config = super.validate(settings);
        Map<String, ConfigValue> values = new LinkedHashMap<>();
        config.configValues().forEach(value -> values.put(value.name(), value));
        problems(settings).forEach((key, problem) ->
            values.computeIfAbsent(key, ConfigValue::new).addErrorMessage(key + ": " + problem));
        if (values.values().stream().allMatch(value -> value.errorMessages().isEmpty())) {
            checkServer(settings, values);
        }
        return new Config(List.copyOf(values.values()));
    }

    /** Returns the faults of settings that are valid one by one but do not fit together: key → message. */
    abstract Map<String, String> problems(Map<String, String> settings);

    /** Checks valid settings against the server, and adds an error to the value of the setting at fault. */
    abstract void checkServer(Map<String, String> settings, Map<String, ConfigValue> values);
}
