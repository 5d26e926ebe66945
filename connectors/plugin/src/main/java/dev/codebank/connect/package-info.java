/**
 * The pipes' own part of Kafka Connect: two sinks for immutable events. One writes them as rows of a Postgres table by COPY,
 * the other as documents of monthly Elasticsearch indices with the bulk interface. Writing an event again changes nothing.
 *
 * <p>Both take values as they stand on the topic, Avro in the frame of a schema registry, and rewrite the bytes without an
 * object in between: {@link dev.codebank.connect.SchemaRegistry} and {@link dev.codebank.connect.AvroType} say how,
 * {@link dev.codebank.connect.CopyPlan} and {@link dev.codebank.connect.DocumentPlan} do it. That the sinks read, and no
 * converter of Connect does, is for what happens while the registry is away: in {@code put} a record can wait, through a stop
 * of the task as well; a converter that cannot go on when its task is stopped sends its record to the dead-letter topic.
 *
 * <p>A {@code put} returns when every record is acknowledged or reported, so Connect commits only such offsets. Postgres'
 * driver is the only dependency; HTTP is the JDK's, and JSON is written and read here.
 */
package dev.codebank.connect;
