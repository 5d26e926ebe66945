package dev.codebank.connect;

import java.util.LinkedHashMap;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.connect.sink.SinkTaskContext;
import org.slf4j.Logger;

/**
 * Tells that a task waits: that its records are delivered again and again until an outage ends or an operator has mended
 * a fault. Such a task is RUNNING for Connect. The worker's log has a line at once and then each minute. The metric
 * {@code waiting-seconds} of the task says for how long it waits. Safe for concurrent use.
 */
final class Waits {
    private static final long REPEAT_NANOS = TimeUnit.MINUTES.toNanos(1);

    private final Logger log;
    /** Where the metric is still to be registered, or null. */
    private PluginMetrics metrics;
    private boolean waiting;
    private long since;
    private long told;

    /** Creates an instance without a metric. */
    Waits(Logger log) {
        this.log = log;
    }

    /**
     * Creates an instance with a metric of the task. While an earlier instance of the task is still stopping, its metric
     * has the name. A task that waits tries again each minute to get it, and works without it meanwhile.
     */
    Waits(Logger log, SinkTaskContext context) {
        this(log);
        metrics = context.pluginMetrics();
        register();
    }

    private void register() {
        if (metrics == null) {
            return;
        }
        try {
            metrics.addMetric(metrics.metricName("waiting-seconds", "How long the task has been waiting for an outage to end or"
                + " for an operator to mend a fault, in seconds; 0 while it writes", new LinkedHashMap<>()),
                (org.apache.kafka.common.metrics.Gauge<Long>) (config, now) -> seconds());
            metrics = null;
        } catch (IllegalArgumentException e) {
            log.info("the metric waiting-seconds is not there yet: {}", e.getMessage());
        }
    }

    /** Records that the task delivers its records again. */
    synchronized void waitsFor(String problem) {
        long now = System.nanoTime();
        if (!waiting) {
            since = now;
        }
        if (!waiting || now - told >= REPEAT_NANOS) {
            log.warn("waiting for {} s: {}", (now - since) / 1_000_000_000L, problem);
            told = now;
            register();
        }
        waiting = true;
    }

    /** Records that the task has written its records. */
    synchronized void end() {
        if (waiting) {
            log.info("no longer waiting, after {} s", seconds());
        }
        waiting = false;
    }

    private synchronized long seconds() {
        return waiting ? (System.nanoTime() - since) / 1_000_000_000L : 0;
    }
}
