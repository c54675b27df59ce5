package org.dlonflink.secret;

import java.nio.charset.StandardCharsets;
import org.apache.flink.annotation.Internal;
import org.apache.logging.log4j.core.Core;
import org.apache.logging.log4j.core.Layout;
import org.apache.logging.log4j.core.LogEvent;
import org.apache.logging.log4j.core.config.Configuration;
import org.apache.logging.log4j.core.config.plugins.Plugin;
import org.apache.logging.log4j.core.config.plugins.PluginAttribute;
import org.apache.logging.log4j.core.config.plugins.PluginConfiguration;
import org.apache.logging.log4j.core.config.plugins.PluginFactory;
import org.apache.logging.log4j.core.layout.AbstractStringLayout;
import org.apache.logging.log4j.core.layout.PatternLayout;

/** Log4j's lines by pattern, stack traces included, without the values of secrets. */
@Internal
@Plugin(name = "RedactedLayout", category = Core.CATEGORY_NAME, elementType = Layout.ELEMENT_TYPE)
public final class RedactedLayout extends AbstractStringLayout {
    private final PatternLayout lines;

    private RedactedLayout(Configuration configuration, PatternLayout lines) {
        super(configuration, StandardCharsets.UTF_8, null, null);
        this.lines = lines;
    }

    /** @param pattern says where exceptions go, too */
    @PluginFactory
    public static RedactedLayout create(
            @PluginConfiguration Configuration configuration, @PluginAttribute("pattern") String pattern) {
        PatternLayout lines = PatternLayout.newBuilder()
                .withConfiguration(configuration)
                .withPattern(pattern)
                .withCharset(StandardCharsets.UTF_8)
                .withAlwaysWriteExceptions(false)
                .build();
        return new RedactedLayout(configuration, lines);
    }

    @Override
    public String toSerializable(LogEvent event) {
        return Redaction.of(lines.toSerializable(event));
    }
}
