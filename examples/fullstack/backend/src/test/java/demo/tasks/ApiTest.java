package demo.tasks;

import static org.junit.jupiter.api.Assertions.assertEquals;

import com.sun.net.httpserver.HttpServer;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

class ApiTest {
    private HttpServer server;

    /** Tasks in a list, to try the API without a database. */
    private static final class Listed implements Tasks {
        private final List<Task> tasks = new ArrayList<>();

        @Override
        public List<Task> all() {
            return tasks;
        }

        @Override
        public Task add(String title) {
            tasks.add(new Task(tasks.size() + 1, title, false));
            return tasks.get(tasks.size() - 1);
        }

        @Override
        public Optional<Task> finish(long id) {
            return tasks.stream().filter(task -> task.id() == id).map(task -> new Task(id, task.title(), true)).findFirst();
        }
    }

    @BeforeEach
    void start() throws Exception {
        server = Api.serve(new Listed(), 0);
    }

    @AfterEach
    void stop() {
        server.stop(0);
    }

    private String ask(String method, String path, String body) throws Exception {
        URI uri = URI.create("http://127.0.0.1:" + server.getAddress().getPort() + path);
        HttpRequest request = HttpRequest.newBuilder(uri).method(method, BodyPublishers.ofString(body)).build();
        var answer = HttpClient.newHttpClient().send(request, BodyHandlers.ofString());
        return answer.statusCode() + " " + answer.body();
    }

    @Test
    void aTaskIsAddedAndListed() throws Exception {
        assertEquals("200 []", ask("GET", "/api/tasks", ""));
        String task = "{\"id\":1,\"title\":\"Water plants\",\"done\":false}";
        assertEquals("201 " + task, ask("POST", "/api/tasks", "{\"title\":\" Water plants \"}"));
        assertEquals("200 [" + task + "]", ask("GET", "/api/tasks", ""));
    }

    @Test
    void aTitleThatIsNoneIsRefused() throws Exception {
        String refused = "400 {\"error\":\"title: from 1 to 200 characters are needed\"}";
        assertEquals(refused, ask("POST", "/api/tasks", "{\"title\":\" \"}"));
        assertEquals(refused, ask("POST", "/api/tasks", ""));
        assertEquals("400", ask("POST", "/api/tasks", "{").substring(0, 3));
    }

    @Test
    void onlyATaskThatIsThereIsFinished() throws Exception {
        ask("POST", "/api/tasks", "{\"title\":\"Rest\"}");
        assertEquals("200 {\"id\":1,\"title\":\"Rest\",\"done\":true}", ask("POST", "/api/tasks/1/done", ""));
        assertEquals("404 {\"error\":\"no such task\"}", ask("POST", "/api/tasks/2/done", ""));
    }
}
