package basics;

import org.apache.commons.text.StringEscapeUtils;

/** What a visitor is told. */
final class Greeting {
    private Greeting() {}

    static String of(String name) {
        String who = name == null || name.isEmpty() ? "you" : name;
        return "<p>Java greets " + StringEscapeUtils.escapeHtml4(who) + "</p>\n";
    }
}
