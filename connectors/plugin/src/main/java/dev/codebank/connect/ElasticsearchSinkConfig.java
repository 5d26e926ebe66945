package dev.codebank.connect;

import java.net.URI;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.apache.kafka.common.config.AbstractConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigDef.Importance;
import org.apache.kafka.common.config.ConfigDef.Range;
import org.apache.kafka.common.config.ConfigDef.Type;
import org.apache.kafka.common.config.ConfigDef.Width;
import org.apache.kafka.common.config.ConfigException;

/**
 * The settings of the sink. A setting that users of Confluent's Elasticsearch sink know has the same name and meaning
 * here. The defaults are this sink's own. That sink can drop or overwrite a document; such settings are refused here
 * with a reason, not ignored.
 */
final class ElasticsearchSinkConfig extends AbstractConfig {
    static final String URLS = "connection.url";
    static final String USERNAME = "connection.username";
    static final String PASSWORD = "connection.password";
    static final String CONNECTION_TIMEOUT_MS = "connection.timeout.ms";
    static final String READ_TIMEOUT_MS = "read.timeout.ms";
    static final String COMPRESSION = "connection.compression";

    static final String BATCH_SIZE = "batch.size";
    static final String BULK_SIZE_BYTES = "bulk.size.bytes";
    static final String MAX_IN_FLIGHT = "max.in.flight.requests";

    static final String MAX_RETRIES = "max.retries";
    static final String RETRY_BACKOFF_MS = "retry.backoff.ms";
    static final String FLUSH_TIMEOUT_MS = "flush.timeout.ms";

    static final String EVENTS_SUBJECT = "events.subject";
    static final String INDEX_NAME_FORMAT = "index.name.format";
    static final String INDEX_TIMESTAMP_FIELD = "index.timestamp.field";
    static final String INDEX_TIMESTAMP_FORMAT = "index.timestamp.format";
    static final String INDEX_TEMPLATE = "index.template.name";
    static final String DOCUMENT_ID_FIELD = "document.id.field";
    static final String HOUR_FIELD = "hour.field";
    static final String WEEKDAY_FIELD = "weekday.field";
    static final String TOPIC_FIELD = "topic.field";
    static final String PARTITION_FIELD = "partition.field";
    static final String OFFSET_FIELD = "offset.field";
    static final String PIPELINE_MILLIS_FIELD = "pipeline.millis.field";
    static final String WATERMARK_SUFFIX = "watermark.topic.suffix";
    static final String WATERMARK_EVENTS_SUFFIX = "watermark.events.topic.suffix";
    static final String WATERMARK_INDEX_NAME_FORMAT = "watermark.index.name.format";
    static final String WATERMARK_TEMPLATE = "watermark.index.template.name";
    static final String WATERMARK_INTERVAL_MS = "watermark.interval.ms";
    static final String DEAD_LETTERS_FIELD = "watermark.dead.letters.field";
    static final String ACTIONS_TOPIC = "watermark.dead.letters.actions.topic";
    static final String KEY_IGNORE = "key.ignore";
    static final String ON_MALFORMED = "behavior.on.malformed.documents";

    /** Sends a refused record to the dead-letter topic. Without such a topic, the task fails. */
    static final String REPORT = "report";
    /** Fails the task at the first refused record. */
    static final String FAIL = "fail";

    static final ConfigDef DEFINITION = definition();

    private static final Map<String, FixedSetting> FIXED = Map.of(
        "write.method", new FixedSetting("insert", "documents are immutable and only ever created"),
        "drop.invalid.message", new FixedSetting("false", "no record is dropped"),
        "behavior.on.null.values", new FixedSetting("fail", "a tombstone is a malformed record here, see " + ON_MALFORMED),
        "flush.synchronously", new FixedSetting("true", "every put ends with all its records acknowledged"));

    ElasticsearchSinkConfig(Map<String, String> settings) {
        super(DEFINITION, settings);
        problems(settings).forEach((key, problem) -> {
            throw new ConfigException(key + ": " + problem);
        });
    }

    List<URI> urls() {
        return HttpAddresses.parse(getList(URLS));
    }

    /** Returns {@code user:password}, or null if no user is configured. */
    String credentials() {
        String user = getString(USERNAME);
        return user == null || user.isEmpty() ? null : user + ":" + getPassword(PASSWORD).value();
    }

    Duration connectionTimeout() {
        return Duration.ofMillis(getInt(CONNECTION_TIMEOUT_MS));
    }

    Duration readTimeout() {
        return Duration.ofMillis(getInt(READ_TIMEOUT_MS));
    }

    Duration flushTimeout() {
        return Duration.ofMillis(getLong(FLUSH_TIMEOUT_MS));
    }

    /** Returns what the records should be. */
    BankEvents events() {
        return BankEvents.of(getString(EVENTS_SUBJECT));
    }

    IndexName indexName() {
        return new IndexName(getString(INDEX_NAME_FORMAT), getString(INDEX_TIMESTAMP_FORMAT));
    }

    /** Returns whether some of the topics hold watermarks. */
    boolean hasWatermarks() {
        return isSet(originalsStrings(), WATERMARK_SUFFIX);
    }

    IndexName watermarkIndexName() {
        return new IndexName(getString(WATERMARK_INDEX_NAME_FORMAT), getString(INDEX_TIMESTAMP_FORMAT));
    }

    boolean failOnMalformed() {
        return FAIL.equals(getString(ON_MALFORMED).toLowerCase(Locale.ROOT));
    }

    /** Returns the faults of settings that are valid one by one but do not fit together: key → message. */
    static Map<String, String> problems(Map<String, String> settings) {
        Map<String, String> problems = new LinkedHashMap<>();
        if (isSet(settings, USERNAME) != isSet(settings, PASSWORD)) {
            problems.put(isSet(settings, USERNAME) ? PASSWORD : USERNAME,
                "is missing; " + USERNAME + " and " + PASSWORD + " must be set together or not at all");
        }
        FixedSetting.check(FIXED, settings, problems);
        nameProblem(settings, problems);
        watermarkProblems(settings, problems);
        return problems;
    }

    private static void watermarkProblems(Map<String, String> settings, Map<String, String> problems) {
        for (String key : new String[] {WATERMARK_SUFFIX, WATERMARK_EVENTS_SUFFIX, WATERMARK_INDEX_NAME_FORMAT}) {
            if (isSet(settings, WATERMARK_SUFFIX) != isSet(settings, key) && !problems.containsKey(key)) {
                problems.put(key, "is not set together with the others; " + WATERMARK_SUFFIX + ", " + WATERMARK_EVENTS_SUFFIX
                    + " and " + WATERMARK_INDEX_NAME_FORMAT + " must be set together or not at all");
            }
        }
        if (!problems.isEmpty() || !isSet(settings, WATERMARK_SUFFIX)) {
            return;
        }
        if (settings.get(WATERMARK_SUFFIX).endsWith(settings.get(WATERMARK_EVENTS_SUFFIX))
            || settings.get(WATERMARK_EVENTS_SUFFIX).endsWith(settings.get(WATERMARK_SUFFIX))) {
            problems.put(WATERMARK_EVENTS_SUFFIX, "a topic could end with both this and " + WATERMARK_SUFFIX);
        }
        try {
            new IndexName(settings.get(WATERMARK_INDEX_NAME_FORMAT), settings.getOrDefault(INDEX_TIMESTAMP_FORMAT, "yyyy.MM"));
        } catch (IllegalArgumentException e) {
            problems.put(WATERMARK_INDEX_NAME_FORMAT, e.getMessage());
        }
    }

    private static void nameProblem(Map<String, String> settings, Map<String, String> problems) {
        String format = settings.get(INDEX_NAME_FORMAT);
        if (format == null) {
            return;
        }
        try {
            IndexName name = new IndexName(format, settings.getOrDefault(INDEX_TIMESTAMP_FORMAT, "yyyy.MM"));
            if (name.needsTime() && !isSet(settings, INDEX_TIMESTAMP_FIELD)) {
                problems.put(INDEX_TIMESTAMP_FIELD, "is missing; " + INDEX_NAME_FORMAT + " has "
                    + IndexName.TIMESTAMP + ", which is made from this field of the record");
            }
        } catch (IllegalArgumentException e) {
            problems.put(INDEX_NAME_FORMAT, e.getMessage());
        }
    }

    private static boolean isSet(Map<String, String> settings, String key) {
        String value = settings.get(key);
        return value != null && !value.isEmpty();
    }

    private static ConfigDef definition() {
        ConfigDef definition = new ConfigDef();
        defineConnection(definition);
        defineBatching(definition);
        defineRetries(definition);
        defineDocuments(definition);
        defineAddedFields(definition);
        defineWatermarks(definition);
        return SchemaRegistry.define(definition, false);
    }

    private static void defineAddedFields(ConfigDef definition) {
        String group = "Added fields";
        definition.define(HOUR_FIELD, Type.STRING, null, Importance.LOW,
            "The name of the added field with the hour of the event's time in UTC, 0 to 23. If unset, it is not added.",
            group, 1, Width.SHORT, "Hour");
        definition.define(WEEKDAY_FIELD, Type.STRING, null, Importance.LOW,
            "The name of the added field with the weekday in UTC, 1 for Monday to 7 for Sunday (ISO 8601). If unset, it is not"
                + " added.",
            group, 2, Width.SHORT, "Weekday");
        definition.define(TOPIC_FIELD, Type.STRING, null, Importance.LOW,
            "The name of the added field with the record's topic. If unset, it is not added.", group, 3, Width.SHORT, "Topic");
        definition.define(PARTITION_FIELD, Type.STRING, null, Importance.LOW,
            "The name of the added field with the record's partition. If unset, it is not added.",
            group, 4, Width.SHORT, "Partition");
        definition.define(OFFSET_FIELD, Type.STRING, null, Importance.LOW,
            "The name of the added field with the record's offset. If unset, it is not added.",
            group, 5, Width.SHORT, "Offset");
        definition.define(PIPELINE_MILLIS_FIELD, Type.STRING, null, Importance.LOW,
            "The name of the added field with the milliseconds from the event's time until the sink made its document, by this"
                + " worker's clock and never negative. If unset, it is not added. When a record is read again, the existing"
                + " document stays as it is.", group, 6, Width.SHORT, "Time taken");
    }

    private static void defineWatermarks(ConfigDef definition) {
        String group = "Watermarks";
        definition.define(WATERMARK_SUFFIX, Type.STRING, null, Importance.MEDIUM,
            "The end of the names of topics that hold watermarks. A watermark states how far a partition of the events' topic"
                + " is complete; the names of both topics begin with the same text. If unset, every record is an event.",
            group, 1, Width.MEDIUM, "Topic ends with");
        definition.define(WATERMARK_EVENTS_SUFFIX, Type.STRING, null, Importance.MEDIUM,
            "The end of the names of the topics of events that the watermarks are about. Both topics need the same number of"
                + " partitions, and the consumer needs the range assignor, so that one task has partition k of both.",
            group, 2, Width.MEDIUM, "Events' topic ends with");
        definition.define(WATERMARK_INDEX_NAME_FORMAT, Type.STRING, null, Importance.MEDIUM,
            "The index of a watermark, in the form of " + INDEX_NAME_FORMAT + "; " + IndexName.TIMESTAMP
                + " is the time up to which the events are complete.", group, 3, Width.LONG, "Index");
        definition.define(WATERMARK_TEMPLATE, Type.STRING, null, Importance.LOW,
            "The index template of the watermarks' indices. While it is missing, or an index lacks its aliases, watermarks are held"
                + " back and events are written. If unset, nothing is checked.", group, 4, Width.MEDIUM, "Template");
        definition.define(WATERMARK_INTERVAL_MS, Type.LONG, 4_000L, Range.atLeast(0), Importance.LOW,
            "A partition's watermark is written only if its time is at least this many milliseconds after the last one.",
            group, 5, Width.SHORT, "Interval");
        definition.define(DEAD_LETTERS_FIELD, Type.STRING, null, Importance.LOW,
            "The name of the field of a watermark that says how many dead letters of the events' topic the index is short of."
                + " Each letter then has a document in the index of the watermarks whose " + IndexName.TIMESTAMP + " is '"
                + IndexedLetters.INDEX_PART + "'. If unset, neither is written.", group, 6, Width.SHORT, "Dead letters");
        definition.define(ACTIONS_TOPIC, Type.STRING, null, Importance.LOW,
            "The topic that says what operators did with dead letters. A discarded letter no longer counts. It must be one of"
                + " the connector's topics. If unset, only a redriven letter stops counting.",
            group, 7, Width.MEDIUM, "Actions on letters");
    }

    private static void defineConnection(ConfigDef definition) {
        String group = "Connection";
        definition.define(URLS, Type.LIST, ConfigDef.NO_DEFAULT_VALUE, HttpAddresses.VALIDATOR, Importance.HIGH,
            "The nodes of one cluster, separated by commas. If a node does not respond, the next request goes to the"
                + " next node.",
            group, 1, Width.LONG, "Addresses");
        definition.define(USERNAME, Type.STRING, null, Importance.MEDIUM,
            "The user to sign in as. If unset, no credentials are sent.", group, 2, Width.MEDIUM, "User");
        definition.define(PASSWORD, Type.PASSWORD, null, Importance.MEDIUM,
            "The user's password.", group, 3, Width.MEDIUM, "Password");
        definition.define(CONNECTION_TIMEOUT_MS, Type.INT, 3_000, Range.atLeast(1), Importance.LOW,
            "The longest wait for a connection, in milliseconds.", group, 4, Width.SHORT, "Connection timeout");
        definition.define(READ_TIMEOUT_MS, Type.INT, 15_000, Range.atLeast(1), Importance.LOW,
            "The longest wait for the complete response to a request, in milliseconds.", group, 5, Width.SHORT, "Read timeout");
        definition.define(COMPRESSION, Type.BOOLEAN, false, Importance.LOW,
            "Whether to compress requests with gzip: this saves network traffic and costs processor time.",
            group, 6, Width.SHORT, "Compression");
    }

    private static void defineBatching(ConfigDef definition) {
        String group = "Batching";
        definition.define(BATCH_SIZE, Type.INT, 2_000, Range.between(1, 100_000), Importance.MEDIUM,
            "The most documents in one bulk request. consumer.override.max.poll.records limits how many records a put has.",
            group, 1, Width.SHORT, "Documents in a request");
        definition.define(BULK_SIZE_BYTES, Type.LONG, 5L * 1024 * 1024, Range.between(1, 100L * 1024 * 1024),
            Importance.LOW, "The most bytes in one bulk request, before compression. A larger document is sent alone.",
            group, 2, Width.SHORT, "Bytes in a request");
        definition.define(MAX_IN_FLIGHT, Type.INT, 4, Range.between(1, 64), Importance.MEDIUM,
            "The most bulk requests of one task that run at the same time.", group, 3, Width.SHORT, "Requests in flight");
    }

    private static void defineRetries(ConfigDef definition) {
        String group = "Retries";
        definition.define(MAX_RETRIES, Type.INT, 5, Range.between(0, 1_000), Importance.MEDIUM,
            "How often a put sends documents again that were lost or refused temporarily, before it hands the records back to"
                + " Connect. Connect then delivers the same records again, for as long as necessary.",
            group, 1, Width.SHORT, "Retries");
        definition.define(RETRY_BACKOFF_MS, Type.LONG, 100L, Range.between(0, 60_000), Importance.LOW,
            "The wait before the first retry, in milliseconds. It doubles with each retry up to ten seconds,"
                + " minus a random part.",
            group, 2, Width.SHORT, "First back-off");
        definition.define(FLUSH_TIMEOUT_MS, Type.LONG, 120_000L, Range.atLeast(1), Importance.LOW,
            "The longest time that a put retries, in milliseconds. It must be well below the consumer's"
                + " max.poll.interval.ms.", group, 3, Width.SHORT, "Flush timeout");
    }

    private static void defineDocuments(ConfigDef definition) {
        String group = "Documents";
        definition.define(INDEX_NAME_FORMAT, Type.STRING, IndexName.TOPIC, new ConfigDef.NonEmptyString(), Importance.HIGH,
            "The index of a record; " + IndexName.TOPIC + " and " + IndexName.TIMESTAMP + " are filled in.",
            group, 1, Width.LONG, "Index");
        definition.define(INDEX_TIMESTAMP_FIELD, Type.STRING, null, Importance.HIGH,
            "The field of the record, a Timestamp or milliseconds since 1970, from which " + IndexName.TIMESTAMP
                + " is made.", group, 2, Width.MEDIUM, "Time field");
        definition.define(INDEX_TIMESTAMP_FORMAT, Type.STRING, "yyyy.MM", new ConfigDef.NonEmptyString(), Importance.LOW,
            "The format of " + IndexName.TIMESTAMP + ", as a pattern of Java's DateTimeFormatter, in UTC.",
            group, 3, Width.SHORT, "Time pattern");
        definition.define(INDEX_TEMPLATE, Type.STRING, null, Importance.MEDIUM,
            "The index template of the indices. Without it, Elasticsearch would guess the mapping of a new index. If the template"
                + " is missing, or an index lacks its aliases or its mapping, the task stops. If unset, nothing is checked.", group, 4, Width.MEDIUM, "Template");
        definition.define(DOCUMENT_ID_FIELD, Type.STRING, null, Importance.HIGH,
            "The field of the record that holds the document's id. If unset, " + KEY_IGNORE + " decides.",
            group, 5, Width.MEDIUM, "Id field");
        definition.define(KEY_IGNORE, Type.BOOLEAN, false, Importance.MEDIUM,
            "Without " + DOCUMENT_ID_FIELD + ": false uses the record's key as the id; true uses its topic, partition and"
                + " offset.", group, 6, Width.SHORT, "Ignore the key");
        definition.define(ON_MALFORMED, Type.STRING, REPORT, ConfigDef.CaseInsensitiveValidString.in(REPORT, FAIL),
            Importance.MEDIUM,
            "What happens to a record that cannot be a document, or that the mapping refuses. '" + REPORT
                + "' sends it to the dead-letter topic, and fails the task if there is no such topic. '" + FAIL
                + "' fails the task. A record is never dropped.", group, 7, Width.SHORT, "Malformed documents");
        definition.define(EVENTS_SUBJECT, Type.STRING, BankEvents.subjects()[0], ConfigDef.ValidString.in(BankEvents.subjects()),
            Importance.LOW, "Which events the topics hold, as a folder of schemas/avro. The plug-in knows the schema and the bounds of"
                + " their fields. An event that fits them waits or stops the task, and is never a dead letter.", group, 8, Width.MEDIUM, "Events");
    }
}
