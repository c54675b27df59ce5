package org.dlonflink.csv;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigInteger;
import java.nio.charset.StandardCharsets;
import java.util.Random;
import org.apache.flink.table.types.logical.LogicalType;
import org.apache.flink.table.types.logical.utils.LogicalTypeParser;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FieldParserTest {
    private static Object parse(String type, String text) throws FieldException {
        LogicalType parsed = LogicalTypeParser.parse(type, FieldParserTest.class.getClassLoader());
        byte[] bytes = ("<<" + text + ">>").getBytes(StandardCharsets.UTF_8);
        return FieldParser.of("c", parsed).parse(bytes, 2, bytes.length - 2);
    }

    /** The short cut for numbers of few digits must round as Java does. */
    @Test
    void floatingNumbersAreThoseOfJava() throws FieldException {
        Random random = new Random(11);
        for (int i = 0; i < 200_000; i++) {
            int digits = 1 + random.nextInt(20);
            StringBuilder text = new StringBuilder(random.nextBoolean() ? "-" : "");
            int point = random.nextInt(digits + 1);
            for (int d = 0; d < digits; d++) {
                text.append(d == point ? "." : "").append(random.nextInt(10));
            }
            if (random.nextBoolean()) {
                text.append(random.nextBoolean() ? "e" : "E").append(random.nextInt(60) - 30);
            }
            String written = text.toString();
            assertThat(parse("DOUBLE", written)).as(written).isEqualTo(Double.parseDouble(written));
            assertThat(parse("FLOAT", written)).as(written).isEqualTo(Float.parseFloat(written));
        }
    }

    @Test
    void everyIntegerAtTheEdge() throws FieldException {
        for (String type : new String[] {"TINYINT", "SMALLINT", "INT", "BIGINT"}) {
            long bits = type.equals("TINYINT") ? 8 : type.equals("SMALLINT") ? 16 : type.equals("INT") ? 32 : 64;
            BigInteger most = BigInteger.ONE.shiftLeft((int) bits - 1).subtract(BigInteger.ONE);
            BigInteger least = most.negate().subtract(BigInteger.ONE);
            assertThat(((Number) parse(type, most.toString())).longValue()).isEqualTo(most.longValue());
            assertThat(((Number) parse(type, " " + least + "\t")).longValue()).isEqualTo(least.longValue());
            String above = most.add(BigInteger.ONE).toString();
            String below = least.subtract(BigInteger.ONE).toString();
            assertThatThrownBy(() -> parse(type, above)).isInstanceOf(FieldException.class);
            assertThatThrownBy(() -> parse(type, below)).isInstanceOf(FieldException.class);
            assertThatThrownBy(() -> parse(type, most + "0000000000")).isInstanceOf(FieldException.class);
        }
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "BOOLEAN|yes",
                "INT|1.0",
                "INT|1 2",
                "INT|",
                "INT|+-1",
                "INT|٣",
                "DOUBLE|1d",
                "DOUBLE|0x1p3",
                "DOUBLE|.",
                "DOUBLE|e5",
                "DOUBLE|1e",
                "DOUBLE|1e+",
                "DOUBLE|1,5",
                "DOUBLE|infinit",
                "FLOAT|1f",
                "DECIMAL(4,2)|100",
                "DECIMAL(4,2)|1.005",
                "DECIMAL(4,2)|NaN",
                "DECIMAL(4,2)|1e999999999",
                "DECIMAL(4,2)|1e99999999999",
                "BYTES|a",
                "DATE|2013-1-1",
                "DATE|2013-02-29",
                "DATE|0000-01-01",
                "DATE|2013/01/01",
                "DATE|20130101",
                "TIME|24:00:00",
                "TIME|5:15",
                "TIME|05:15:00.5",
                "TIMESTAMP(3)|2013-01-01",
                "TIMESTAMP(3)|2013-01-01 05:15:00Z",
                "TIMESTAMP(3)|2013-01-01 05:15:00.1234",
                "TIMESTAMP(3)|2013-01-01  05:15",
                "TIMESTAMP(3)|2013-01-01 05:15:60",
                "TIMESTAMP(3)|2013-01-01 05:15:00.",
                "TIMESTAMP(9)|2013-01-01 05:15:00.1234567890",
                "TIMESTAMP_LTZ(3)|2013-01-01 05:15:00",
                "TIMESTAMP_LTZ(3)|2013-01-01 05:15:00+00:00",
                "TIMESTAMP_LTZ(3)|Z"
            })
    void refuses(String type, String text) {
        assertThatThrownBy(() -> parse(type, text == null ? "" : text)).isInstanceOf(FieldException.class);
    }

    @Test
    void zerosBehindThePrecisionDoNotCount() throws FieldException {
        assertThat(parse("TIMESTAMP(3)", "2013-01-01 05:15:00.123000")).hasToString("2013-01-01T05:15:00.123");
        assertThat(parse("DECIMAL(4, 2)", "1.5000")).hasToString("1.50");
        assertThat(parse("DECIMAL(4, 2)", "0e999999999")).hasToString("0.00");
    }

    @Test
    void refusesATypeThatCsvDoesNotHold() {
        assertThatThrownBy(() -> parse("ARRAY<INT>", "1"))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("'c'")
                .hasMessageContaining("ARRAY<INT>");
    }
}
