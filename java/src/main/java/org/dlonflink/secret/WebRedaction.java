package org.dlonflink.secret;

import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Optional;
import org.apache.flink.annotation.Internal;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.runtime.io.network.netty.InboundChannelHandlerFactory;
import org.apache.flink.shaded.netty4.io.netty.buffer.ByteBuf;
import org.apache.flink.shaded.netty4.io.netty.channel.ChannelHandler;
import org.apache.flink.shaded.netty4.io.netty.channel.ChannelHandlerContext;
import org.apache.flink.shaded.netty4.io.netty.channel.ChannelOutboundHandlerAdapter;
import org.apache.flink.shaded.netty4.io.netty.channel.ChannelPromise;
import org.apache.flink.shaded.netty4.io.netty.handler.codec.http.HttpContent;

/**
 * Flink's REST server finds it as a service. What a connector says in an exception, or an option that Flink does not take
 * for a secret, would be seen in the web UI: here the values go out as stars.
 */
@Internal
public final class WebRedaction implements InboundChannelHandlerFactory {
    @Override
    public int priority() {
        return 0;
    }

    @Override
    public Optional<ChannelHandler> createHandler(Configuration configuration, Map<String, String> headers) {
        return Optional.of(new Outbound());
    }

    private static final class Outbound extends ChannelOutboundHandlerAdapter {
        @Override
        public void write(ChannelHandlerContext context, Object message, ChannelPromise promise) throws Exception {
            if (message instanceof ByteBuf bytes) {
                redact(bytes);
            } else if (message instanceof HttpContent content) {
                redact(content.content());
            }
            super.write(context, message, promise);
        }

        /** In place, and the length stays: the header that says it went out before. */
        private static void redact(ByteBuf bytes) {
            if (Redaction.knowsNothing() || !bytes.isReadable()) {
                return;
            }
            String text = bytes.toString(StandardCharsets.UTF_8);
            String redacted = Redaction.ofSameSize(text);
            byte[] stars = redacted.getBytes(StandardCharsets.UTF_8);
            if (!redacted.equals(text) && stars.length == bytes.readableBytes()) {
                bytes.setBytes(bytes.readerIndex(), stars);
            }
        }
    }
}
