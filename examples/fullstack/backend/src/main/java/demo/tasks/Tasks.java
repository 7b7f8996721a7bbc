package demo.tasks;

import java.util.List;
import java.util.Optional;

/** Where tasks are kept. */
public interface Tasks {
    /** All of them, the oldest first. */
    List<Task> all() throws Exception;

    Task add(String title) throws Exception;

    /** The task as it is when it is done; nothing if there is none. */
    Optional<Task> finish(long id) throws Exception;
}
