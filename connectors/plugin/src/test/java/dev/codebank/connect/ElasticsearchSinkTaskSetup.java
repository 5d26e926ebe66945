package dev.codebank.connect;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;

/**
 * What tests of the Elasticsearch sink share: a stub of Elasticsearch, settings for a sink, and the tasks it started.
 */
abstract class ElasticsearchSinkTaskSetup {
    final ElasticsearchStub elasticsearch;
    final Map<String, String> settings = new HashMap<>();
    final TestContext context = new TestContext();
    private final List<ElasticsearchSinkTask> started = new ArrayList<>();

    ElasticsearchSinkTaskSetup() throws Exception {
        elasticsearch = new ElasticsearchStub();
    }

    @BeforeEach
    void configureSink() {
        settings.put("connection.url", elasticsearch.url());
        settings.put("index.name.format", "bank-transactions-${timestamp}");
        settings.put("index.timestamp.field", "occurred_at");
        settings.put("document.id.field", "event_id");
        settings.put("retry.backoff.ms", "1");
    }

    @AfterEach
    void close() {
        started.forEach(ElasticsearchSinkTask::stop);
        elasticsearch.close();
    }

    ElasticsearchSinkTask start() {
        ElasticsearchSinkTask task = new ElasticsearchSinkTask();
        task.initialize(context);
        task.start(settings);
        started.add(task);
        return task;
    }
}
