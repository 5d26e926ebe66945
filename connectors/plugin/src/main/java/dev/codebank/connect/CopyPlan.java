package dev.codebank.connect;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.connect.errors.DataException;

/**
 * How events of one Avro schema become rows of one table. The fields stand in the order in which they are written. Each
 * is converted for its column or skipped. The bytes of an event are read once, and no objects are created for them. A
 * value outside its bound ({@link Bounds}) is refused. Not safe for concurrent use.
 */
final class CopyPlan {
    /** Reads one field and writes its column, if it has one. */
    interface Step {
        void run(AvroInput in, CopyBuffer out);
    }

    private final AvroInput in = new AvroInput(new byte[0], 0);
    /** The size of a field that is null, or of an empty text, which counts as null. */
    private static final int NULL_SIZE = 4;

    private final Step[] steps;
    private final Companions companions;
    private final int count;
    private final String columns;

    /**
     * Creates a plan.
     *
     * @throws DataException if no event of this schema can be a row of this table
     */
    CopyPlan(AvroType type, PostgresTable table) {
        if (type.shape().parts() == null) {
            throw new DataException("only a record can be a row");
        }
        List<Step> all = new ArrayList<>();
        List<String> names = new ArrayList<>();
        for (AvroType.Part part : type.shape().parts()) {
            PostgresTable.Column column = table.column(part.name());
            if (column == null) {
                all.add(CopyField.skip(part.type()));
                continue;
            }
            all.add(CopyField.of(part.type(), column));
            names.add(column.name());
        }
        Set<String> written = new HashSet<>(names);
        for (PostgresTable.Column column : table.columns()) {
            if (written.contains(column.name())) {
                continue;
            }
            if (column.required() && !column.hasDefault()) {
                throw new DataException("the event has no field for column " + column.name() + ", which is NOT NULL");
            }
            String with = Bounds.TRANSACTIONS.of(column.name()).with();
            if (with != null && written.contains(with)) {
                throw new DataException("the event has no field " + column.name() + ", which comes with " + with);
            }
        }
        if (names.isEmpty()) {
            throw new DataException("no field of the event has a column in the table");
        }
        steps = all.toArray(new Step[0]);
        companions = new Companions(type.shape().parts().stream()
            .map(part -> table.column(part.name()) == null ? "" : part.name()).toList(), Bounds.TRANSACTIONS);
        count = names.size();
        columns = names.stream().map(PostgresTable::quoted).collect(Collectors.joining(", "));
    }

    /** Returns the written columns, quoted and separated by commas. */
    String columns() {
        return columns;
    }

    /**
     * Appends an event's row.
     *
     * @param value the event in the registry's frame
     * @throws DataException if the event cannot be a row; the buffer is then unchanged
     */
    void encode(byte[] value, CopyBuffer out) {
        int start = out.size();
        try {
            SchemaRegistry.begin(in, value);
            out.int16(count);
            for (int i = 0; i < steps.length; i++) {
                int from = out.size();
                steps[i].run(in, out);
                companions.set(i, out.size() - from > NULL_SIZE);
            }
            companions.check();
            in.end();
        } catch (DataException e) {
            out.truncate(start);
            throw e;
        }
    }
}
