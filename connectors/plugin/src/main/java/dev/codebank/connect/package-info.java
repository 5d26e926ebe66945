/**
 * The pipes' own part of Kafka Connect: a sink that writes immutable events into monthly Elasticsearch indices with the
 * bulk interface, a converter that reads Avro and waits for its registry, and two small transformations.
 *
 * <p>How an event travels: {@link dev.codebank.connect.ElasticsearchSinkTask} renders every record of a {@code put} into
 * {@link dev.codebank.connect.Bulk}s, {@link dev.codebank.connect.BulkDelivery} sends them and sorts the answers, and what
 * Elasticsearch refused for its own sake goes to the dead-letter topic. {@code put} returns when every record is either
 * acknowledged or reported, so Connect commits only such offsets.
 *
 * <p>It uses the JDK's HTTP client and writes and reads JSON itself: the plug-in is one jar without dependencies.
 */
package dev.codebank.connect;
