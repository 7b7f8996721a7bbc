package demo.tasks;

/** Something to do. */
public record Task(long id, String title, boolean done) {
    static final int LONGEST = 200;

    /** A title without the space around it; the message says what is wrong with one. */
    static String title(String text) {
        String title = text == null ? "" : text.strip();
        if (title.isEmpty() || title.length() > LONGEST) {
            throw new IllegalArgumentException("title: from 1 to " + LONGEST + " characters are needed");
        }
        return title;
    }
}
