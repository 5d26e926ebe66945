package dev.codebank.connect;

import org.apache.kafka.connect.errors.DataException;

/** The registry says that it has no schema with an id. */
final class UnknownSchemaException extends DataException {
    private static final long serialVersionUID = 1L;

    UnknownSchemaException(String message) {
        super(message);
    }
}
