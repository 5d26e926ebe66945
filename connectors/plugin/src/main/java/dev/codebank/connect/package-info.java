/**
 * The project's part of Kafka Connect: two sinks for immutable events. One writes them as rows of a Postgres table by
 * COPY. The other writes them as documents of monthly Elasticsearch indices with the bulk API. Writing an event again
 * changes nothing.
 *
 * <p>Both sinks take the values as the topic holds them: Avro in the frame of a schema registry. They convert the bytes
 * without an object in between. {@link dev.codebank.connect.SchemaRegistry} and {@link dev.codebank.connect.AvroType}
 * read the schemas; {@link dev.codebank.connect.CopyPlan} and {@link dev.codebank.connect.DocumentPlan} convert the
 * values. The sinks read the frame themselves, and no converter of Connect does. The reason is a registry that does not
 * respond: a record can wait in {@code put}, also through a stop of its task. A converter that cannot continue when its
 * task stops sends its record to the dead-letter topic.
 *
 * <p>A {@code put} returns when every record is acknowledged or reported, so Connect commits only such offsets. The
 * driver of Postgres is the only dependency. HTTP comes from the JDK, and JSON is read and written here.
 */
package dev.codebank.connect;
