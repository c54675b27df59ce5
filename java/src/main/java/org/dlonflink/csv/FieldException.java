package org.dlonflink.csv;

/** A field is not of its type; the message says what would be. */
final class FieldException extends Exception {
    private static final long serialVersionUID = 1L;

    FieldException(String expected) {
        super(expected);
    }
}
