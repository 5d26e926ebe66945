package dev.codebank.connect;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Delivers one bulk. It sends the bulk and classifies the results. Documents that were lost or refused temporarily are
 * sent again, and no others. Each other document was created, or existed already (which counts as created), or was
 * refused because of its own content. Any other error stops the task.
 *
 * <p>A document is at fault itself only if the error is one of a closed list <em>and</em> the document is not a valid
 * event of the bank. Every proper index takes a valid event, so an index that refuses one is at fault: its pipeline, its
 * mapping, a limit. Safe for concurrent use.
 */
final class BulkDelivery {
    private static final Logger LOG = LoggerFactory.getLogger(BulkDelivery.class);

    /** The errors with status 400 that a document itself can cause. */
    private static final Set<String> DOCUMENT_FAULTS = Set.of(
        "mapper_parsing_exception", "document_parsing_exception", "strict_dynamic_mapping_exception", "parsing_exception",
        "parse_exception", "x_content_parse_exception", "json_parse_exception", "not_x_content_exception",
        "action_request_validation_exception");
    private static final String EXISTS_ALREADY = "version_conflict_engine_exception";
    static final String BLOCKED = "cluster_block_exception";
    private static final Duration MAX_BACKOFF = Duration.ofSeconds(10);
    /** A request that got no complete response is not halved below this number of documents. */
    static final int LEAST_DOCUMENTS = 100;

    private final ElasticsearchClient client;
    private final IndexTemplate template;
    private final int maxRetries;
    private final Duration firstBackoff;
    /**
     * The most documents of one request. It is halved when a request got no complete response, and grows by a quarter
     * when one of this size got its own. An index that is short of time goes on with a request that was given up, so
     * the same number again would take it even longer.
     */
    private final AtomicInteger most = new AtomicInteger(Integer.MAX_VALUE);

    BulkDelivery(ElasticsearchClient client, IndexTemplate template, int maxRetries, Duration firstBackoff) {
        this.client = client;
        this.template = template;
        this.maxRetries = maxRetries;
        this.firstBackoff = firstBackoff;
    }

    /**
     * Delivers every document of a bulk, and marks the documents that are acknowledged.
     *
     * @param deadline the {@link System#nanoTime} after which nothing is sent again
     * @return the documents that were refused because of their own content
     * @throws RetriableException if some documents were still lost or refused temporarily after the last retry
     * @throws ConnectException if only an operator can help
     */
    List<Refusal> deliver(Bulk bulk, long deadline) throws InterruptedException {
        List<Refusal> refusals = new ArrayList<>();
        deliver(bulk, 0, deadline, refusals);
        return refusals;
    }

    private void deliver(Bulk bulk, int attempts, long deadline, List<Refusal> refusals) throws InterruptedException {
        Bulk rest = bulk;
        for (int attempt = attempts; rest != null; attempt++) {
            int limit = most.get();
            if (rest.count() > limit) {
                for (int from = 0; from < rest.count(); from += limit) {
                    deliver(rest.range(from, Math.min(from + limit, rest.count())), attempt, deadline, refusals);
                }
                return;
            }
            String cause;
            try {
                template.check(rest.indices());
                HttpNodes.Response response = client.bulk(rest);
                if (response.status() == 200) {
                    answered(rest.count());
                }
                if (response.status() == 400 || response.status() == 413) {
                    rejected(rest, response, deadline, refusals);
                    return;
                }
                Retry retry = classify(rest, response, refusals);
                rest = retry.documents;
                cause = retry.cause;
            } catch (HttpNodes.NoResponseInTime e) {
                unanswered(rest.count());
                cause = e.getMessage();
            } catch (IOException e) {
                cause = e.getMessage();
            }
            if (rest != null) {
                template.forget();
                backOff(attempt, deadline, rest.count() + " of " + bulk.count() + " documents not written: " + cause);
            }
        }
    }

    private void unanswered(int count) {
        if (count > LEAST_DOCUMENTS) {
            most.accumulateAndGet(Math.max(LEAST_DOCUMENTS, count / 2), Math::min);
        }
    }

    private void answered(int count) {
        most.updateAndGet(limit -> limit > count ? limit : count + count / 4 + 1);
    }

    /**
     * The part of a bulk that a response left over.
     *
     * @param documents the documents to send again, or null
     * @param cause why
     */
    private record Retry(Bulk documents, String cause) {
        static final Retry NONE = new Retry(null, null);
    }

    private Retry classify(Bulk bulk, HttpNodes.Response response, List<Refusal> refusals) throws IOException {
        if (isTemporary(response.status())) {
            return new Retry(bulk, describe(response));
        }
        if (response.status() != 200) {
            throw new ConnectException("Elasticsearch refused the bulk request: " + describe(response) + hint(response.status()));
        }
        BulkResponse items = BulkResponse.read(response.body(), bulk.count());
        if (items.allDone()) {
            bulk.documents().forEach(document -> document.acknowledged = true);
            return Retry.NONE;
        }
        return classifyItems(bulk, items, refusals);
    }

    private Retry classifyItems(Bulk bulk, BulkResponse response, List<Refusal> refusals) {
        List<Integer> again = new ArrayList<>();
        String cause = null;
        for (int i = 0; i < bulk.count(); i++) {
            BulkResponse.Item item = response.items().get(i);
            Bulk.Document document = bulk.document(i);
            if (isDone(item)) {
                document.acknowledged = true;
            } else if (isTemporary(item.status()) || BLOCKED.equals(item.error())) {
                again.add(i);
                cause = describe(item);
            } else if (IndexTemplate.isGuard(item)) {
                throw template.guarded(describe(item));
            } else if (isDocumentFault(item) && !document.isValid()) {
                refusals.add(new Refusal(document.record, new DataException("Elasticsearch refused the document: "
                    + describe(item))));
            } else {
                throw indexFault(document, describe(item));
            }
        }
        return again.isEmpty() ? Retry.NONE : new Retry(bulk.only(again), cause);
    }

    /**
     * The whole request was rejected. One document can be the cause: halving the bulk finds it, and the others are
     * written.
     */
    private void rejected(Bulk bulk, HttpNodes.Response response, long deadline, List<Refusal> refusals)
            throws InterruptedException {
        if (bulk.count() > 1) {
            int half = bulk.count() / 2;
            deliver(bulk.range(0, half), 0, deadline, refusals);
            deliver(bulk.range(half, bulk.count()), 0, deadline, refusals);
            return;
        }
        BulkResponse.Item failure = BulkResponse.failure(response.status(), response.body());
        Bulk.Document document = bulk.document(0);
        String problem = response.status() == 413 ? "413, too large" : describe(failure);
        if (response.status() != 413 && !isDocumentFault(failure) || document.isValid()) {
            throw indexFault(document, response.node() + " responded " + problem);
        }
        refusals.add(new Refusal(document.record, new DataException("Elasticsearch refused the document: " + problem)));
    }

    /** Returns the exception that stops the task because the index or the cluster refuses a document. */
    private static ConnectException indexFault(Bulk.Document document, String problem) {
        return new ConnectException("the index refuses record " + Refusal.position(document.record) + ", and the index or the cluster is"
            + " at fault, not the record: " + problem + " – see the index's settings, its mapping and its template");
    }

    private void backOff(int attempt, long deadline, String problem) throws InterruptedException {
        Duration wait = backoff(attempt);
        if (attempt >= maxRetries || System.nanoTime() + wait.toNanos() - deadline > 0) {
            throw new RetriableException(problem);
        }
        LOG.warn("{}; sending them again in {} ms", problem, wait.toMillis());
        Thread.sleep(wait.toMillis());
    }

    /**
     * Returns the wait after an attempt, counted from 0. It doubles with each attempt up to a limit, and half of it is
     * random.
     */
    private Duration backoff(int attempt) {
        long limit = Math.min(MAX_BACKOFF.toMillis(), firstBackoff.toMillis() << Math.min(attempt, 20));
        return Duration.ofMillis(limit / 2 + ThreadLocalRandom.current().nextLong(limit / 2 + 1));
    }

    private static boolean isDone(BulkResponse.Item item) {
        return item.status() >= 200 && item.status() < 300 || item.status() == 409 && EXISTS_ALREADY.equals(item.error());
    }

    static boolean isTemporary(int status) {
        return status == 408 || status == 429 || status >= 500;
    }

    private static boolean isDocumentFault(BulkResponse.Item item) {
        return item.status() == 400 && item.error() != null && DOCUMENT_FAULTS.contains(item.error());
    }

    private static String describe(HttpNodes.Response response) {
        return response.node() + " responded " + describe(BulkResponse.failure(response.status(), response.body()));
    }

    private static String describe(BulkResponse.Item item) {
        return item.error() == null ? Integer.toString(item.status())
            : item.status() + ", " + item.error() + ": " + item.reason();
    }

    private static String hint(int status) {
        return switch (status) {
            case 401, 403 -> " – see " + ElasticsearchSinkConfig.USERNAME + " and " + ElasticsearchSinkConfig.PASSWORD
                + ", and the privileges of that user";
            default -> " – see " + ElasticsearchSinkConfig.URLS;
        };
    }
}
