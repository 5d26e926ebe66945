package dev.codebank.connect;

import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ThreadLocalRandom;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Delivers one bulk: sends it, sorts the answer, and sends again what was lost or turned away for now, and only that.
 * Everything else is one of three: created (or there already, which is the same), refused for the document's own sake, or a
 * reason to stop. The list of what is a document's own fault is closed; what is not on it stops the task rather than sending
 * good events to the dead-letter topic. Safe for concurrent use.
 */
final class BulkDelivery {
    private static final Logger LOG = LoggerFactory.getLogger(BulkDelivery.class);

    /** The errors, with status 400, that a document brings upon itself. */
    private static final Set<String> DOCUMENT_FAULTS = Set.of(
        "mapper_parsing_exception", "document_parsing_exception", "strict_dynamic_mapping_exception",
        "illegal_argument_exception", "mapper_exception", "parsing_exception", "parse_exception",
        "x_content_parse_exception", "json_parse_exception", "not_x_content_exception",
        "action_request_validation_exception");
    private static final String ALREADY_THERE = "version_conflict_engine_exception";
    private static final String BLOCKED = "cluster_block_exception";
    private static final Duration LONGEST_BACKOFF = Duration.ofSeconds(10);

    private final ElasticsearchClient client;
    private final int maxRetries;
    private final Duration firstBackoff;

    BulkDelivery(ElasticsearchClient client, int maxRetries, Duration firstBackoff) {
        this.client = client;
        this.maxRetries = maxRetries;
        this.firstBackoff = firstBackoff;
    }

    /**
     * Delivers every document of a bulk and marks those that are acknowledged.
     *
     * @param deadline the {@link System#nanoTime} after which nothing is sent again
     * @return the documents that were refused for their own sake
     * @throws RetriableException if some were still lost or turned away at the end of the retries
     * @throws ConnectException if only an operator can help
     */
    List<Refusal> deliver(Bulk bulk, long deadline) throws InterruptedException {
        List<Refusal> refusals = new ArrayList<>();
        deliver(bulk, deadline, refusals);
        return refusals;
    }

    private void deliver(Bulk bulk, long deadline, List<Refusal> refusals) throws InterruptedException {
        Bulk rest = bulk;
        for (int attempt = 0; rest != null; attempt++) {
            String cause;
            try {
                HttpNodes.Answer answer = client.bulk(rest);
                if (answer.status() == 400 || answer.status() == 413) {
                    rejected(rest, answer, deadline, refusals);
                    return;
                }
                Turned turned = sort(rest, answer, refusals);
                rest = turned.away;
                cause = turned.cause;
            } catch (IOException e) {
                cause = e.getMessage();
            }
            if (rest != null) {
                pause(attempt, deadline, rest.count() + " of " + bulk.count() + " documents not written: " + cause);
            }
        }
    }

    /**
     * What is left of a bulk after an answer.
     *
     * @param away the documents turned away for now, or null
     * @param cause why
     */
    private record Turned(Bulk away, String cause) {
        static final Turned NONE = new Turned(null, null);
    }

    private Turned sort(Bulk bulk, HttpNodes.Answer answer, List<Refusal> refusals) throws IOException {
        if (isForNow(answer.status())) {
            return new Turned(bulk, describe(answer));
        }
        if (answer.status() != 200) {
            throw new ConnectException("Elasticsearch refuses the bulk request: " + describe(answer) + hint(answer.status()));
        }
        BulkAnswer items = BulkAnswer.read(answer.body(), bulk.count());
        if (items.allDone()) {
            bulk.documents().forEach(document -> document.acknowledged = true);
            return Turned.NONE;
        }
        return sortItems(bulk, items, refusals);
    }

    private Turned sortItems(Bulk bulk, BulkAnswer answer, List<Refusal> refusals) {
        List<Integer> away = new ArrayList<>();
        String cause = null;
        for (int i = 0; i < bulk.count(); i++) {
            BulkAnswer.Item item = answer.items().get(i);
            Bulk.Document document = bulk.document(i);
            if (isDone(item)) {
                document.acknowledged = true;
            } else if (isForNow(item.status()) || BLOCKED.equals(item.error())) {
                away.add(i);
                cause = describe(item);
            } else if (isDocumentFault(item)) {
                refusals.add(new Refusal(document.record, new DataException("Elasticsearch refused the document: "
                    + describe(item))));
            } else {
                throw new ConnectException("Elasticsearch cannot take documents: " + describe(item));
            }
        }
        return away.isEmpty() ? Turned.NONE : new Turned(bulk.only(away), cause);
    }

    /** A request was rejected whole. One document can be the cause: halves find it, and the others pass. */
    private void rejected(Bulk bulk, HttpNodes.Answer answer, long deadline, List<Refusal> refusals)
            throws InterruptedException {
        if (bulk.count() > 1) {
            int half = bulk.count() / 2;
            deliver(bulk.range(0, half), deadline, refusals);
            deliver(bulk.range(half, bulk.count()), deadline, refusals);
            return;
        }
        BulkAnswer.Item failure = BulkAnswer.failure(answer.status(), answer.body());
        if (answer.status() != 413 && !isDocumentFault(failure)) {
            throw new ConnectException("Elasticsearch refuses the bulk request: " + describe(answer));
        }
        refusals.add(new Refusal(bulk.document(0).record, new DataException("Elasticsearch refused the document: "
            + (answer.status() == 413 ? "413, too large" : describe(failure)))));
    }

    private void pause(int attempt, long deadline, String problem) throws InterruptedException {
        Duration wait = backoff(attempt);
        if (attempt >= maxRetries || System.nanoTime() + wait.toNanos() - deadline > 0) {
            throw new RetriableException(problem);
        }
        LOG.warn("{}; sending them again in {} ms", problem, wait.toMillis());
        Thread.sleep(wait.toMillis());
    }

    /** Returns the wait before the retry after an attempt, counted from 0: doubled each time, bounded, half of it random. */
    private Duration backoff(int attempt) {
        long most = Math.min(LONGEST_BACKOFF.toMillis(), firstBackoff.toMillis() << Math.min(attempt, 20));
        return Duration.ofMillis(most / 2 + ThreadLocalRandom.current().nextLong(most / 2 + 1));
    }

    private static boolean isDone(BulkAnswer.Item item) {
        return item.status() >= 200 && item.status() < 300 || item.status() == 409 && ALREADY_THERE.equals(item.error());
    }

    private static boolean isForNow(int status) {
        return status == 408 || status == 429 || status >= 500;
    }

    private static boolean isDocumentFault(BulkAnswer.Item item) {
        return item.status() == 400 && item.error() != null && DOCUMENT_FAULTS.contains(item.error());
    }

    private static String describe(HttpNodes.Answer answer) {
        return answer.node() + " answered " + describe(BulkAnswer.failure(answer.status(), answer.body()));
    }

    private static String describe(BulkAnswer.Item item) {
        return item.error() == null ? Integer.toString(item.status())
            : item.status() + ", " + item.error() + ": " + item.reason();
    }

    private static String hint(int status) {
        return switch (status) {
            case 401, 403 -> " – see " + ElasticsearchSinkConfig.USERNAME + " and " + ElasticsearchSinkConfig.PASSWORD
                + ", and what that user may do";
            default -> " – see " + ElasticsearchSinkConfig.URLS;
        };
    }
}
