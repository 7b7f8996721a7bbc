package demo.tasks;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/** Tasks in the table that the migrations make. */
public final class PostgresTasks implements Tasks {
    private final String url;
    private final String user;
    private final String password;

    public PostgresTasks(String url, String user, String password) {
        this.url = url;
        this.user = user;
        this.password = password;
    }

    @Override
    public List<Task> all() throws SQLException {
        return ask("SELECT id, title, done_at IS NOT NULL FROM tasks ORDER BY id");
    }

    @Override
    public Task add(String title) throws SQLException {
        return ask("INSERT INTO tasks (title) VALUES (?) RETURNING id, title, false", title).get(0);
    }

    @Override
    public Optional<Task> finish(long id) throws SQLException {
        String line = "UPDATE tasks SET done_at = coalesce(done_at, now()) WHERE id = ? RETURNING id, title, true";
        return ask(line, id).stream().findFirst();
    }

    private List<Task> ask(String line, Object... values) throws SQLException {
        try (Connection connection = DriverManager.getConnection(url, user, password);
                PreparedStatement statement = connection.prepareStatement(line)) {
            for (int i = 0; i < values.length; i++) {
                statement.setObject(i + 1, values[i]);
            }
            List<Task> tasks = new ArrayList<>();
            try (ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    tasks.add(new Task(rows.getLong(1), rows.getString(2), rows.getBoolean(3)));
                }
            }
            return tasks;
        }
    }
}
