package org.dlonflink.csv;

import java.io.Serializable;
import org.apache.flink.table.types.logical.LogicalType;

/**
 * A column that is read.
 *
 * @param index its place among the table's columns, which is its place in a file without a header
 */
record CsvColumn(String name, int index, LogicalType type) implements Serializable {}
