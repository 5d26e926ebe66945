package dev.codebank.connect;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.ConfigException;

/** The table that rows are written to: its columns, or those of them that the settings name. */
final class PostgresTable {
    /** The type of a column, by its binary format. */
    enum Type { BOOL, BYTEA, INT2, INT4, INT8, FLOAT4, FLOAT8, TEXT, DATE, TIMESTAMP, UUID }

    /**
     * A column.
     *
     * @param typeName the server's name of the type
     * @param required whether the column is NOT NULL
     * @param hasDefault whether a row may leave the column out anyway
     */
    record Column(String name, Type type, String typeName, boolean required, boolean hasDefault) {
    }

    private static final Map<String, Type> TYPES = Map.ofEntries(
        Map.entry("bool", Type.BOOL), Map.entry("bytea", Type.BYTEA),
        Map.entry("int2", Type.INT2), Map.entry("int4", Type.INT4), Map.entry("int8", Type.INT8),
        Map.entry("float4", Type.FLOAT4), Map.entry("float8", Type.FLOAT8),
        Map.entry("text", Type.TEXT), Map.entry("varchar", Type.TEXT), Map.entry("bpchar", Type.TEXT),
        Map.entry("date", Type.DATE), Map.entry("timestamp", Type.TIMESTAMP), Map.entry("timestamptz", Type.TIMESTAMP),
        Map.entry("uuid", Type.UUID));

    private static final String COLUMNS = """
        SELECT a.attname, coalesce(b.typname, t.typname), a.attnotnull OR t.typnotnull,
               a.atthasdef OR a.attidentity <> '', a.attgenerated <> ''
          FROM pg_attribute a
          JOIN pg_type t ON t.oid = a.atttypid
          LEFT JOIN pg_type b ON b.oid = t.typbasetype
         WHERE a.attrelid = to_regclass(?) AND a.attnum > 0 AND NOT a.attisdropped
         ORDER BY a.attnum""";

    private final String name;
    private final Map<String, Column> columns = new LinkedHashMap<>();

    PostgresTable(String name, List<Column> columns) {
        this.name = name;
        columns.forEach(column -> this.columns.put(column.name, column));
    }

    /**
     * Reads a table's columns from the server.
     *
     * @param table the name, or schema and name with a dot between them
     * @param fields the columns to write; empty for all columns
     * @throws ConfigException if the table or a column does not exist, or a column has an unknown type
     */
    static PostgresTable read(Connection connection, String table, List<String> fields) throws SQLException {
        String quoted = quotedTable(table);
        Map<String, Column> found = new LinkedHashMap<>();
        try (PreparedStatement query = connection.prepareStatement(COLUMNS)) {
            query.setString(1, quoted);
            try (ResultSet rows = query.executeQuery()) {
                while (rows.next()) {
                    String name = rows.getString(1);
                    boolean wanted = fields.isEmpty() ? !rows.getBoolean(5) : fields.contains(name);
                    found.put(name, wanted ? column(rows) : null);
                }
            }
        }
        if (found.isEmpty()) {
            throw new ConfigException(PostgresSinkConfig.TABLE + ": table " + table + " does not exist");
        }
        for (String field : fields) {
            if (!found.containsKey(field)) {
                throw new ConfigException(PostgresSinkConfig.FIELDS + ": table " + table + " has no column " + field
                    + "; migrate the table first, then name the field");
            }
        }
        List<Column> columns = new ArrayList<>(found.values());
        columns.removeIf(column -> column == null);
        return new PostgresTable(quoted, columns);
    }

    private static Column column(ResultSet row) throws SQLException {
        String typeName = row.getString(2);
        Type type = TYPES.get(typeName);
        if (type == null) {
            throw new ConfigException(PostgresSinkConfig.FIELDS + ": column " + row.getString(1) + " has the type "
                + typeName + ", which this sink cannot write");
        }
        return new Column(row.getString(1), type, typeName, row.getBoolean(3), row.getBoolean(4));
    }

    /** Returns the table's name for use in a statement. */
    String name() {
        return name;
    }

    Iterable<Column> columns() {
        return columns.values();
    }

    /** Returns the column with the name, or null if it does not exist or is not written. */
    Column column(String name) {
        return columns.get(name);
    }

    private static String quotedTable(String table) {
        int dot = table.indexOf('.');
        return dot < 0 ? quoted(table) : quoted(table.substring(0, dot)) + "." + quoted(table.substring(dot + 1));
    }

    /** Returns a name quoted for use in a statement, with any characters. */
    static String quoted(String name) {
        return '"' + name.replace("\"", "\"\"") + '"';
    }
}
