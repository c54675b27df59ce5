package org.dlonflink;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Bytes that were right, made wrong in the ways that a bug, a bad disk or an enemy makes them. Python has the same ones. */
public final class Mutations {
    private static final long[] EXTREMES = {
        0,
        1,
        -1,
        Integer.MAX_VALUE,
        Integer.MIN_VALUE,
        1L << 32,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        1 << 16,
        1 << 20,
        (1 << 26) + 1
    };
    private static final int[] RUNS = {1, 2, 8, 64, 1_000};
    private static final int CHANGES = 12;
    private static final Pattern TOKEN = Pattern.compile("\"[^\"]*\"|-?\\d+(?:\\.\\d+)?|true|false|null");
    private static final String[] TOKENS = {
        "null",
        "true",
        "{}",
        "[]",
        "\"\"",
        "-1",
        "0",
        "1e999",
        "-0.5",
        "NaN",
        "9".repeat(5_000),
        "[".repeat(5_000),
        "\"\\ud800\"",
        "\"\\u0000\"",
        "\"\u00ff\"",
        "{\"a\":".repeat(300),
        "\"x\":1,\"x\":2",
        "18446744073709551616"
    };

    private Mutations() {}

    /** One to three changes of {@code data}; parts of {@code others} may come in. */
    public static byte[] mutated(byte[] data, Random chance, List<byte[]> others) {
        byte[] changed = data.clone();
        int changes = Math.max(1, chance.nextInt(5) - 1);
        for (int i = 0; i < changes; i++) {
            changed = changed(changed, chance, others);
        }
        return changed;
    }

    /** One bit is another. */
    public static byte[] flipped(byte[] data, Random chance) {
        byte[] changed = data.clone();
        if (changed.length > 0) {
            changed[chance.nextInt(changed.length)] ^= (byte) (1 << chance.nextInt(8));
        }
        return changed;
    }

    private static byte[] changed(byte[] data, Random chance, List<byte[]> others) {
        int begin = chance.nextInt(data.length + 1);
        int end = Math.min(data.length, begin + RUNS[chance.nextInt(RUNS.length)]);
        return switch (chance.nextInt(CHANGES)) {
            case 0, 1 -> flipped(data, chance);
            case 2 -> Arrays.copyOf(data, begin);
            case 3 -> replaced(data, begin, end, new byte[end - begin]);
            case 4 -> replaced(data, begin, end, new byte[0]);
            case 5 -> replaced(data, begin, begin, random(chance));
            case 6 -> splice(data, begin, chance, others);
            case 7 -> replaced(data, end, end, Arrays.copyOfRange(data, begin, end));
            case 8, 9 -> token(data, chance);
            default -> length(data, chance);
        };
    }

    /** A number where formats keep lengths, counts and offsets: an extreme, or a little more or less. */
    private static byte[] length(byte[] data, Random chance) {
        int width = chance.nextBoolean() ? Integer.BYTES : Long.BYTES;
        if (data.length < width) {
            return data;
        }
        int at = chance.nextInt(data.length - width + 1) & (chance.nextBoolean() ? -4 : -1);
        ByteBuffer words =
                ByteBuffer.wrap(data).order(chance.nextInt(4) == 0 ? ByteOrder.BIG_ENDIAN : ByteOrder.LITTLE_ENDIAN);
        long before = width == Integer.BYTES ? words.getInt(at) : words.getLong(at);
        long[] near = {data.length, before + 1, before - 1, before + 8, before * 2};
        int choice = chance.nextInt(EXTREMES.length + near.length);
        long number = choice < EXTREMES.length ? EXTREMES[choice] : near[choice - EXTREMES.length];
        if (width == Integer.BYTES) {
            words.putInt(at, (int) number);
        } else {
            words.putLong(at, number);
        }
        return data;
    }

    /** A value or a key of JSON is another; of bytes that are no JSON, a length. */
    private static byte[] token(byte[] data, Random chance) {
        String text = new String(data, StandardCharsets.ISO_8859_1);
        List<int[]> found = new ArrayList<>();
        Matcher matcher = TOKEN.matcher(text.substring(0, Math.min(text.length(), 1 << 12)));
        while (matcher.find()) {
            found.add(new int[] {matcher.start(), matcher.end()});
        }
        if (found.isEmpty() || text.indexOf('{') < 0) {
            return length(data, chance);
        }
        int[] place = found.get(chance.nextInt(found.size()));
        String token = TOKENS[chance.nextInt(TOKENS.length)];
        return replaced(data, place[0], place[1], token.getBytes(StandardCharsets.ISO_8859_1));
    }

    /** A part of another, over this one or between. */
    private static byte[] splice(byte[] data, int at, Random chance, List<byte[]> others) {
        byte[] other = others.get(chance.nextInt(others.size()));
        int begin = chance.nextInt(other.length + 1);
        byte[] part =
                Arrays.copyOfRange(other, begin, Math.min(other.length, begin + RUNS[chance.nextInt(RUNS.length)]));
        return replaced(data, at, chance.nextBoolean() ? at : Math.min(data.length, at + part.length), part);
    }

    private static byte[] random(Random chance) {
        byte[] bytes = new byte[1 + chance.nextInt(40)];
        chance.nextBytes(bytes);
        return bytes;
    }

    private static byte[] replaced(byte[] data, int begin, int end, byte[] by) {
        return ByteBuffer.allocate(data.length - (end - begin) + by.length)
                .put(data, 0, begin)
                .put(by)
                .put(data, end, data.length - end)
                .array();
    }
}
