package dev.codebank.connect;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.lang.reflect.Proxy;
import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.common.MetricName;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.junit.jupiter.api.Test;
import org.slf4j.LoggerFactory;

/** A task works also while its metric has another owner. */
class WaitsTest {
    private final List<MetricName> registered = new ArrayList<>();
    private boolean taken;

    /** Metrics in which a name can be taken by another instance of the task. */
    private final PluginMetrics metrics = (PluginMetrics) Proxy.newProxyInstance(getClass().getClassLoader(),
        new Class<?>[] {PluginMetrics.class}, (proxy, method, arguments) -> {
            switch (method.getName()) {
                case "metricName":
                    return new MetricName((String) arguments[0], "plugins", (String) arguments[1], java.util.Map.of());
                case "addMetric":
                    if (taken) {
                        throw new IllegalArgumentException("A metric named 'waiting-seconds' already exists");
                    }
                    registered.add((MetricName) arguments[0]);
                    return null;
                default:
                    throw new UnsupportedOperationException(method.getName());
            }
        });

    private Waits start() {
        return new Waits(LoggerFactory.getLogger(getClass()), new TestContext() {
            @Override
            public PluginMetrics pluginMetrics() {
                return metrics;
            }
        });
    }

    @Test
    void theMetricIsRegisteredOnce() {
        start().waitsFor("an outage");

        assertEquals(1, registered.size());
    }

    @Test
    void aTaskStartsWhileAnEarlierInstanceOfItStillHasTheMetric() {
        taken = true;
        Waits waits = start();
        assertEquals(List.of(), registered);

        taken = false;
        waits.waitsFor("an outage");

        assertEquals(1, registered.size(), "when it waits, it has the metric");
    }
}
