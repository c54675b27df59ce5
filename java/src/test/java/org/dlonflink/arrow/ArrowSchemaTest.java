package org.dlonflink.arrow;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import org.apache.flink.api.common.typeutils.base.StringSerializer;
import org.apache.flink.table.catalog.ObjectIdentifier;
import org.apache.flink.table.types.logical.BigIntType;
import org.apache.flink.table.types.logical.DistinctType;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.RawType;
import org.apache.flink.table.types.logical.RowType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ArrowSchemaTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "BOOLEAN | Bool",
                "TINYINT | Int(8, true)",
                "SMALLINT | Int(16, true)",
                "INT | Int(32, true)",
                "BIGINT | Int(64, true)",
                "FLOAT | FloatingPoint(SINGLE)",
                "DOUBLE | FloatingPoint(DOUBLE)",
                "DECIMAL(38, 7) | Decimal(38, 7, 128)",
                "CHAR(3) | Utf8",
                "STRING | Utf8",
                "BINARY(3) | Binary",
                "BYTES | Binary",
                "DATE | Date(DAY)",
                "TIME(0) | Time(MILLISECOND, 32)",
                "TIMESTAMP(0) | Timestamp(SECOND, null)",
                "TIMESTAMP(1) | Timestamp(MILLISECOND, null)",
                "TIMESTAMP(3) | Timestamp(MILLISECOND, null)",
                "TIMESTAMP(4) | Timestamp(MICROSECOND, null)",
                "TIMESTAMP(6) | Timestamp(MICROSECOND, null)",
                "TIMESTAMP(7) | Timestamp(NANOSECOND, null)",
                "TIMESTAMP_LTZ(0) | Timestamp(SECOND, UTC)",
                "TIMESTAMP_LTZ(9) | Timestamp(NANOSECOND, UTC)",
                "ARRAY<INT> | List<item: Int(32, true)>",
                "ARRAY<INT NOT NULL> | List<item: Int(32, true) not null>",
                "MAP<STRING NOT NULL, BIGINT> | Map(false)<entries: Struct<key: Utf8 not null, value: Int(64, true)> not null>",
                "MAP<STRING, INT NOT NULL> | List<entries: Struct<key: Utf8, value: Int(32, true) not null> not null>",
                "MULTISET<STRING> | List<entries: Struct<key: Utf8, value: Int(32, true) not null> not null>",
                "MULTISET<STRING NOT NULL> | Map(false)<entries: Struct<key: Utf8 not null,"
                        + " value: Int(32, true) not null> not null>",
                "INTERVAL DAY TO SECOND(3) | Duration(MILLISECOND)",
                "INTERVAL HOUR | Duration(MILLISECOND)",
                "INTERVAL YEAR TO MONTH | Interval(MONTH_DAY_NANO)",
                "INTERVAL MONTH | Interval(MONTH_DAY_NANO)",
                "VARIANT | Struct<metadata: Binary not null, value: Binary not null>",
                "NULL | Null",
                "ROW<> | Struct",
                "STRUCTURED<'a.b.C', x INT NOT NULL> | Struct<x: Int(32, true) not null>",
                "ROW<a INT, b ARRAY<BOOLEAN NOT NULL> NOT NULL> | Struct<a: Int(32, true),"
                        + " b: List<item: Bool not null> not null>",
            })
    void everyTypeHasTheArrowTypeOfTheContract(String sql, String arrow) {
        assertThat(Oracle.schema(ArrowSchema.message(rowOf(sql))).getFields())
                .singleElement()
                .hasToString("c: " + arrow);
    }

    @Test
    void topLevelFieldsAreNullableWhateverTheTypeSays() {
        assertThat(Oracle.schema(ArrowSchema.message(rowOf("INT NOT NULL")))
                        .findField("c")
                        .isNullable())
                .isTrue();
    }

    @Test
    void bodiesBehindASchemaStayAligned() {
        assertThat(ArrowSchema.message(rowOf("ROW<straße STRING>")).length % 8).isZero();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "TIMESTAMP(3) WITH TIME ZONE | column c: type TIMESTAMP(3) WITH TIME ZONE",
                "DESCRIPTOR | column c: type DESCRIPTOR",
                "ARRAY<DESCRIPTOR> | column c.item: type DESCRIPTOR",
                "MAP<INT, DESCRIPTOR> | column c.value: type DESCRIPTOR",
                "ROW<a ROW<b MULTISET<DESCRIPTOR>>> | column c.a.b.key: type DESCRIPTOR",
            })
    void whatDoesNotCrossIsRefusedByNameWithTheWayOut(String sql, String message) {
        assertThatThrownBy(() -> ArrowSchema.message(rowOf(sql)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message)
                .hasMessageContaining("source.query");
        assertThatThrownBy(() -> new ArrowEncoder(rowOf(sql), 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
        assertThatThrownBy(() -> new ArrowDecoder(rowOf(sql)))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining(message);
    }

    @Test
    void distinctTypesAreTheirSourceAndRawIsBinary() {
        DistinctType distinct = DistinctType.newBuilder(ObjectIdentifier.of("c", "d", "t"), new BigIntType())
                .build();
        RawType<String> raw = new RawType<>(String.class, StringSerializer.INSTANCE);
        RowType type = RowType.of(new LogicalType[] {distinct, raw}, new String[] {"d", "r"});
        assertThat(Oracle.schema(ArrowSchema.message(type)).getFields()).hasToString("[d: Int(64, true), r: Binary]");
    }

    static RowType rowOf(String... sql) {
        LogicalType[] types = new LogicalType[sql.length];
        String[] names = new String[sql.length];
        for (int i = 0; i < sql.length; i++) {
            types[i] = LogicalTypeParser.parse(sql[i], ArrowSchemaTest.class.getClassLoader());
            names[i] = sql.length == 1 ? "c" : "c" + i;
        }
        return RowType.of(types, names);
    }
}
