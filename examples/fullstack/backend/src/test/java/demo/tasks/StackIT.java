package demo.tasks;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

/** All parts together: a migrated database, which JDBC_URL leads to, and the page as it was built, in SITE. */
class StackIT {
    private final Tasks tasks = new PostgresTasks(System.getenv("JDBC_URL"), "postgres", "");

    @Test
    void theDatabaseKeepsTasks() throws Exception {
        Task task = tasks.add("Water plants");
        assertEquals(new Task(task.id(), "Water plants", true), tasks.finish(task.id()).orElseThrow());
        assertEquals(List.of(new Task(task.id(), "Water plants", true)), tasks.all());
        assertTrue(tasks.finish(task.id() + 1).isEmpty());
    }

    @Test
    void theBuiltPageLoadsAScriptThatIsThereAndAsksThisApi() throws Exception {
        Path site = Path.of(System.getenv("SITE"));
        Matcher script = Pattern.compile("src=\"/([^\"]+)\"").matcher(Files.readString(site.resolve("index.html")));
        assertTrue(script.find());
        assertTrue(Files.readString(site.resolve(script.group(1))).contains("/api/tasks"));
    }
}
