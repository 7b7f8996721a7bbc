package basics;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class GreetingTest {
    @Test
    void aNameIsGreeted() {
        assertEquals("<p>Java greets Ada</p>\n", Greeting.of("Ada"));
    }

    @Test
    void nobodyIsGreetedToo() {
        assertEquals("<p>Java greets you</p>\n", Greeting.of(null));
    }

    @Test
    void aNameIsText() {
        assertEquals("<p>Java greets &lt;b&gt;</p>\n", Greeting.of("<b>"));
    }
}
